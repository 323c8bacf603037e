"""Whether the advice of `ldpf train` and the missing classes of `ldpf expect` are right.

    python benchmarks/site_advice.py --data pacs --backbone path/to/clip --seeds 3

Each domain is the new site once. Advice: the method that `ldpf train` says to take, its accuracy at
the site, and that of the method trained and of the best of all compared, which nobody could know.
Missing classes: each class is taken out of photos of the site once, and it is counted how often it
is found, and how many classes that are there are called missing.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from ldpf.backbones import load_backbone
from ldpf.data import load_dataset
from ldpf.expectation import measure_expectation
from ldpf.expectation.advice import COMPARED, advise
from ldpf.expectation.class_shares import expected_counts, missing_classes
from ldpf.experiments.protocols.leave_one_domain_out import LeaveOneDomainOut
from ldpf.features.extract import extract_features
from ldpf.methods import make_method

PHOTOS = 200
"""Photos of a site from which a class is taken out."""

Row = dict[str, Any]


def advised(options: argparse.Namespace, data: Any, backbone: Any, target: str, seed: int) -> Row:
    """One training of the method, its advice, and what is true at the target."""
    episode = LeaveOneDomainOut().episode(data, target, seed)
    images = episode.train, episode.validation, backbone
    accuracies, own = {}, None
    for name in dict.fromkeys((options.method, *COMPARED)):
        method = make_method(name)
        fitted = method.fit(*images, seed=seed)
        accuracies[name] = fitted.accuracy(episode.test.features, episode.test.labels)
        if name == options.method:
            expectation = measure_expectation(method, fitted, *images, seed=seed)
            own = fitted.with_expectation(expectation)
    assert own is not None
    advice = advise(own, *images, seed=seed)
    assert advice is not None
    found = present = 0
    probabilities = own.probabilities(episode.test.features)
    shares = own.expectation.site_estimator.shares  # type: ignore[union-attr]
    draws = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(episode.test), generator=draws)[:PHOTOS]
    labels = episode.test.labels[rows]
    for k, name in enumerate(own.class_names):
        shown = probabilities[rows[labels != k]]
        counts = expected_counts(shown, shares)
        missing = missing_classes(shown, counts, shares, own.class_names)
        found += name in missing
        present += len([other for other in missing if other != name])
    return {
        "target": target,
        "own": accuracies[options.method],
        "taken": accuracies[advice.best.name],
        "best": max(accuracies.values()),
        "takes": advice.best.name,
        "found": found,
        "present": present,
        "classes": len(own.class_names),
    }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="demo")
    parser.add_argument("--backbone", default="nano")
    parser.add_argument("--method", default="ldpf")
    parser.add_argument("--targets", help="domains to leave out; all by default")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--cache-dir", type=Path)
    options = parser.parse_args()
    logging.getLogger("ldpf").setLevel(logging.ERROR)
    backbone = load_backbone(options.backbone, "cpu")
    dataset = load_dataset(options.data, cache_dir=options.cache_dir)
    data = extract_features(dataset, backbone, cache_dir=options.cache_dir, progress=False)
    targets = options.targets.split(",") if options.targets else list(data.domain_names)
    print(f"{options.data}, {options.method}, {options.seeds} seeds; accuracies in percent\n")
    headings = (
        *("target", "trained", "as advised", "best of all", "advice takes"),
        *("missing classes found", "present ones called missing"),
    )
    print("| " + " | ".join(headings) + " |\n" + "|---" * len(headings) + "|")
    for target in targets:
        group = [advised(options, data, backbone, target, s) for s in range(options.seeds)]
        means = (
            f"{100 * fmean(row[key] for row in group):.1f}" for key in ("own", "taken", "best")
        )
        cells = (
            target,
            *means,
            ", ".join(row["takes"] for row in group),
            f"{sum(row['found'] for row in group)} of {sum(row['classes'] for row in group)}",
            f"{fmean(row['present'] / row['classes'] for row in group):.1f} a time",
        )
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
