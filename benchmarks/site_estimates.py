"""What is said of a new site, and what is true there: a domain left out as the new site.

    python benchmarks/site_estimates.py --data pacs --backbone path/to/clip --seeds 3 --jobs 2

For each domain left out, method and seed: accuracy on held-out images, expected accuracy at a new
site with its range, the accuracy estimated from the unlabeled images by every estimator, and the
true accuracy; coverage and size of prediction sets by every calibration; expected calibration error
before and after, and with probabilities for the site; the area under the risk-coverage curve; and
the share of images called outside.
Labels of the domain left out are read for the last comparison only.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from joblib import Parallel, delayed

from ldpf.backbones import load_backbone
from ldpf.data import load_dataset
from ldpf.evaluation.calibration import reliability
from ldpf.evaluation.risk_coverage import risk_coverage
from ldpf.expectation import measure_expectation
from ldpf.expectation.estimators.base import ESTIMATORS, Estimator, KnownSite
from ldpf.expectation.odd_pictures import odd_features
from ldpf.expectation.site_estimate import DEFAULT_ESTIMATOR, known_sites
from ldpf.expectation.site_sets import site_sets
from ldpf.experiments.protocols.leave_one_domain_out import LeaveOneDomainOut
from ldpf.features.extract import extract_features
from ldpf.methods import make_method
from ldpf.methods.left_out import left_out_classifiers
from ldpf.training.recipe import get_recipe

METHODS = "ldpf,linear-probe-balanced,auto"
COVERAGE = 0.9
ALLOWED = 0.86, 0.94
"""What sets of 90 % should cover at every target."""

CAUTIONS = 0.0, 0.25, 0.5, 0.75, 1.0
"""Usual errors that the accuracy of a site is taken to be lower than estimated."""

Row = dict[str, Any]


def measured(options: argparse.Namespace, target: str, seed: int, name: str) -> Row:
    """One training, what it lets expect, and what is true at the target."""
    logging.getLogger("ldpf").setLevel(logging.ERROR)
    backbone = load_backbone(options.backbone, "cpu")
    dataset = load_dataset(options.data, cache_dir=options.cache_dir)
    data = extract_features(dataset, backbone, cache_dir=options.cache_dir, progress=False)
    episode = LeaveOneDomainOut().episode(data, target, seed)
    learn, held_out, test = episode.train, episode.validation, episode.test
    recipe = None if options.recipe is None else get_recipe(options.recipe)
    method = make_method(name, recipe)
    started = time.monotonic()
    classifier = method.fit(learn, held_out, backbone, seed=seed)
    seconds = time.monotonic() - started
    images = learn, held_out, backbone
    left_out = left_out_classifiers(method, classifier, *images, seed=seed)
    expectation = measure_expectation(method, classifier, *images, left_out, seed=seed)
    logits = classifier.logits(test.features).float()
    calibrated = expectation.probabilities(logits)
    right = (logits.argmax(dim=1) == test.labels).numpy()
    site = expectation.estimate(classifier, test.features)
    sets = {
        calibration: expectation.sets(calibrated, COVERAGE, calibration)
        for calibration in expectation.calibrations
    }
    confidence, plain = (p.max(dim=1).values.numpy() for p in (calibrated, logits.softmax(dim=1)))
    curve, new = risk_coverage(confidence, right), expectation.new_site
    return {
        "target": target,
        "seed": seed,
        "method": name,
        "seconds": seconds,
        "expectation_seconds": expectation.seconds,
        "true": float(right.mean()),
        "held_out": None if expectation.held_out is None else expectation.held_out.accuracy,
        "expected": None if new is None else new.accuracy,
        "range": None if new is None else [new.lowest, new.highest],
        "expected_interval": None if new is None else list(new.interval),
        "estimates": site.by_estimator,
        "interval": [site.low, site.high],
        "temperature": expectation.temperature,
        "coverage": {
            c: float(s.gather(1, test.labels[:, None]).double().mean()) for c, s in sets.items()
        },
        "size": {c: float(s.sum(dim=1).double().mean()) for c, s in sets.items()},
        "ece_before": reliability(plain, right).error,
        "ece_after": reliability(confidence, right).error,
        "ece_site": reliability(
            expectation.site_probabilities(calibrated).max(dim=1).values.numpy(), right
        ).error,
        "aurc": curve.area,
        "risk_at_half": curve.at(0.5),
        "caution": cautions(known_sites(left_out, expectation.temperature)),
        "outside": float(expectation.outside(test.features)[1].double().mean()),
        "odd_outside": float(expectation.outside(odd_features(backbone))[1].double().mean()),
    }


def cautions(sites: Sequence[KnownSite]) -> list[list[float]]:
    """Coverage of each latent domain left out, by how careful its sets are (`CAUTIONS`).

    The estimate and its usual error are of the other latent domains; 3 or more are needed.
    """
    found = []
    for site in sites if len(sites) > 2 else ():
        others = [other for other in sites if other is not site]
        estimate = estimator_of(others).estimate(site.answers)
        wrong = [
            estimator_of([o for o in others if o is not known]).estimate(known.answers)
            - known.accuracy
            for known in others
        ]
        usual = math.sqrt(fmean(error**2 for error in wrong))
        made = [
            site_sets(site.answers.probabilities, COVERAGE, max(estimate - c * usual, 0.0))
            for c in CAUTIONS
        ]
        found.append([float(s.gather(1, site.labels[:, None]).double().mean()) for s in made])
    return found


def estimator_of(sites: Sequence[KnownSite]) -> Estimator:
    """The default one, fitted to sites."""
    return ESTIMATORS.make(DEFAULT_ESTIMATOR).fit(sites)


def caution_table(rows: Sequence[Row]) -> str:
    """How many latent domains left out are covered too little and too much, by caution."""
    domains = [domain for row in rows for domain in row["caution"]]
    lines = []
    for i, caution in enumerate(CAUTIONS if domains else ()):
        covered = [domain[i] for domain in domains]
        low = sum(c < ALLOWED[0] for c in covered)
        high = sum(c > ALLOWED[1] for c in covered)
        off = 100 * fmean(abs(c - COVERAGE) for c in covered)
        lines.append(
            [f"{caution}", f"{low}", f"{len(covered) - low - high}", f"{high}", f"{off:.1f}"]
        )
    names = ("usual errors lower", "below", "within", "above", "mean distance")
    return table(names, lines)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def grouped(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """Rows of all seeds by method and target."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["method"], row["target"]), []).append(row)
    return groups


def mean(rows: Sequence[Row], get: Callable[[Row], float | None]) -> str:
    """Mean over rows in percent, without those that have none."""
    values = [value for row in rows if (value := get(row)) is not None]
    return f"{100 * fmean(values):.1f}" if values else "-"


def expectations(rows: Sequence[Row], estimators: Sequence[str]) -> str:
    """Accuracies by target, mean over seeds, in percent."""
    headings = ["method", "target", "true", "held out", "expected", "range", *estimators]
    lines = []
    for (method, target), group in grouped(rows).items():
        ranges = [row["range"] for row in group if row["range"]]
        low, high = (fmean(r[i] for r in ranges) if ranges else float("nan") for i in (0, 1))
        by = [mean(group, lambda row, e=e: row["estimates"][e]) for e in estimators]
        shown = [mean(group, lambda row, k=k: row[k]) for k in ("true", "held_out", "expected")]
        lines.append([method, target, *shown, f"{100 * low:.0f} to {100 * high:.0f}", *by])
    return table(headings, lines)


def errors(rows: Sequence[Row], estimators: Sequence[str]) -> str:
    """Mean and worst absolute error of everything that is said of the target, in points."""
    said: dict[str, Callable[[Row], float | None]] = {
        "held-out accuracy": lambda row: row["held_out"],
        "expected accuracy": lambda row: row["expected"],
        **{e: lambda row, e=e: row["estimates"][e] for e in estimators},
    }
    lines = []
    for name, get in said.items():
        found = [abs(value - row["true"]) for row in rows if (value := get(row)) is not None]
        if found:
            lines.append([name, f"{100 * fmean(found):.1f}", f"{100 * max(found):.1f}"])
    return table(["estimate", "mean error", "worst error"], lines)


def sets(rows: Sequence[Row]) -> str:
    """Coverage and size of sets by target and calibration, mean over seeds."""
    calibrations = list(dict.fromkeys(c for row in rows for c in row["coverage"]))
    lines = []
    for (method, target), group in grouped(rows).items():
        cells = [
            f"{mean(group, lambda row, c=c: row['coverage'].get(c))} % of "
            f"{fmean(row['size'].get(c, float('nan')) for row in group):.2f}"
            for c in calibrations
        ]
        lines.append([method, target, *cells])
    low, high = ALLOWED
    within = [
        f"{sum(low <= row['coverage'].get(c, 0.0) <= high for row in rows)} of {len(rows)}"
        for c in calibrations
    ]
    lines.append([f"runs within {100 * low:.0f} to {100 * high:.0f} %", "", *within])
    return table(["method", "target", *calibrations], lines)


def trust(rows: Sequence[Row]) -> str:
    """Calibration, risk and images outside by target, mean over seeds."""
    keys = ("ece_before", "ece_after", "ece_site", "aurc", "risk_at_half", "outside", "odd_outside")
    names = (
        *("ECE before", "ECE after", "ECE of the site", "AURC", "risk at 50 %"),
        *("outside", "of nothing: outside"),
    )
    lines = [
        [method, target, *(mean(group, lambda row, k=k: row[k]) for k in keys)]
        for (method, target), group in grouped(rows).items()
    ]
    return table(["method", "target", *names], lines)


def costs(rows: Sequence[Row]) -> str:
    """Seconds of the training and of measuring the expectation."""
    lines = []
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        seconds = (fmean(row[k] for row in own) for k in ("seconds", "expectation_seconds"))
        lines.append([method, *(f"{value:.1f}" for value in seconds)])
    return table(["method", "training", "expectation"], lines)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="demo")
    parser.add_argument("--backbone", default="nano")
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--targets", help="domains to leave out; all by default")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--recipe", help="of prompts; each method's own by default")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--cache-dir", type=Path)
    parser.add_argument("--json", type=Path, help="write every run as a line here")
    options = parser.parse_args()
    # Encoded once here: workers then read the cache.
    dataset = load_dataset(options.data, cache_dir=options.cache_dir)
    backbone = load_backbone(options.backbone, "cpu")
    data = extract_features(dataset, backbone, cache_dir=options.cache_dir)
    targets = options.targets.split(",") if options.targets else data.domain_names
    cases = [
        (target, seed, method)
        for method in options.methods.split(",")
        for target in targets
        for seed in range(options.seeds)
    ]
    runs: Any = Parallel(n_jobs=options.jobs)(delayed(measured)(options, *case) for case in cases)
    rows: list[Row] = list(runs)
    if options.json:
        options.json.write_text("".join(json.dumps(row) + "\n" for row in rows))
    estimators = list(rows[0]["estimates"])
    print(f"{options.data}, {options.backbone}, {options.seeds} seeds\n")
    print("## Accuracy at a new site, in percent\n\n" + expectations(rows, estimators))
    print("\n## Errors in points, over all methods, targets and seeds\n")
    print(errors(rows, estimators))
    inside = [row["interval"][0] <= row["true"] <= row["interval"][1] for row in rows]
    print(f"\n{sum(inside)} of {len(rows)} true accuracies are within the interval at 80 %.")
    known = [row for row in rows if row["expected_interval"]]
    inside = [r["expected_interval"][0] <= r["true"] <= r["expected_interval"][1] for r in known]
    print(f"{sum(inside)} of {len(known)} are within that of the expected accuracy.")
    print(f"\n## Sets of {COVERAGE:.0%}: coverage, and classes in a set\n\n" + sets(rows))
    print("\n## The same at latent domains left out, by caution\n\n" + caution_table(rows))
    print("\n## Calibration error, risk and images outside, in percent\n\n" + trust(rows))
    print("\n## Seconds\n\n" + costs(rows))


if __name__ == "__main__":
    main()
