"""Which rule of choice finds the candidate that is best at a site nobody has seen?

    python benchmarks/rules_of_choice.py --data pacs --backbone FOLDER --seeds 3 --jobs 8
    python benchmarks/rules_of_choice.py --shifts offsets,rotations --steps 60
    python benchmarks/rules_of_choice.py --seeds 3 --out rules.jsonl

Every finished case has a line on the error output at once, and one in the file `--out`. The same
command again resumes where a run was stopped; cases in the file are not trained again.

Each case leaves one domain out as the target. All candidates are trained once on the others; every
rule takes one of them (or an ensemble) without the target, and only then the target is looked at.
The regret is how far what a rule takes lies below the best candidate there, in points; a rule is
right where that is 0 or less. (An ensemble may be better than every candidate.)

The domains are those of the data (`real`), or made from its features, so that what shifts is known:
`offsets` adds to the images of each of four parts one offset from a few random directions, and
`rotations` turns the leading directions within classes by another random rotation for each part.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from joblib import Parallel, delayed

from ldpf.backbones import load_backbone
from ldpf.data import load_dataset
from ldpf.data.splits import make_split
from ldpf.features.extract import extract_features
from ldpf.features.feature_set import FeatureSet
from ldpf.methods.auto import CANDIDATES, MEMBERS, Auto
from ldpf.methods.candidates import Candidates
from ldpf.methods.choosing import CHOICE_RULES, ChoiceRule
from ldpf.training.recipe import get_recipe
from ldpf.utils.files import append_text
from ldpf.utils.seed import generator

PARTS = 4
"""Domains of a generated shift; each is the target once."""

DIRECTIONS = 8
"""Dimensions of a generated shift."""


def offsets(data: FeatureSet, parts: torch.Tensor, seed: int, strength: float) -> torch.Tensor:
    """Features [N, D] with an offset for each part: x + strength U a, of length one."""
    draws = generator(seed, "offsets")
    basis = torch.linalg.qr(torch.randn(data.features.shape[1], DIRECTIONS, generator=draws)).Q
    amounts = torch.randn(PARTS, DIRECTIONS, generator=draws) / DIRECTIONS**0.5
    return F.normalize(data.features + strength * (amounts @ basis.T)[parts], dim=1)


def rotations(data: FeatureSet, parts: torch.Tensor, seed: int, strength: float) -> torch.Tensor:
    """Features [N, D] with the leading directions within classes turned, differently in each part.

    A strength of 1 draws rotations whose generators have standard normal entries.
    """
    draws = generator(seed, "rotations")
    x = data.features
    member = F.one_hot(data.labels, len(data.class_names)).to(x)
    means = (member.T @ x) / member.sum(dim=0).clamp_min(1)[:, None]
    within = (x - means[data.labels]).double()
    axes = torch.linalg.eigh(within.T @ within).eigenvectors[:, -DIRECTIONS:].to(x)  # [D, R]
    skew = torch.randn(PARTS, DIRECTIONS, DIRECTIONS, generator=draws)
    turns = torch.linalg.matrix_exp(strength * (skew - skew.mT) / 2)
    inside = x @ axes
    turned = torch.einsum("nr,nsr->ns", inside, turns[parts])
    return F.normalize(x + (turned - inside) @ axes.T, dim=1)


SHIFTS = {"offsets": offsets, "rotations": rotations}


def shifted(data: FeatureSet, name: str, seed: int, strength: float) -> FeatureSet:
    """The images in random parts of (nearly) equal size, each with a shift of its own."""
    parts = torch.empty(len(data), dtype=torch.int64)
    order = torch.randperm(len(data), generator=generator(seed, "parts"))
    parts[order] = torch.arange(len(data)) % PARTS
    features = SHIFTS[name](data, parts, seed, strength)
    names = tuple(f"{name}-{part}" for part in range(PARTS))
    return replace(data, features=features, domains=parts, domain_names=names)


def rules(names: Sequence[str]) -> dict[str, ChoiceRule]:
    """Every registered rule, with each candidate as a fixed one, and the ensemble of `auto`."""
    found = {
        name: CHOICE_RULES.make(name)
        for name in CHOICE_RULES
        if name not in ("fixed", "ensemble", "least-regret")
    }
    found["moved, strength 2"] = CHOICE_RULES.make("moved", strength=2.0)
    found["ensemble of all"] = CHOICE_RULES.make("ensemble")
    if set(MEMBERS) <= set(names):
        found["ensemble of auto's members"] = CHOICE_RULES.make("ensemble", members=MEMBERS)
        found["auto's members by least regret"] = CHOICE_RULES.make("least-regret", members=MEMBERS)
        if "coop" in names:
            found["the same, coop joins"] = CHOICE_RULES.make(
                "least-regret", members=MEMBERS, joins=("coop",)
            )
    return found | {f"always {n}": CHOICE_RULES.make("fixed", candidate=n) for n in names}


@dataclass(frozen=True)
class Case:
    """One target with one seed, in the features of one kind of shift."""

    shift: str
    target: str
    seed: int


@dataclass(frozen=True)
class Taken:
    """What a rule takes in a case.

    Attributes:
        case, rule: which.
        names: of the candidates taken.
        accuracy: at the target, in percent.
        best: the best candidate's there.
    """

    case: Case
    rule: str
    names: tuple[str, ...]
    accuracy: float
    best: float

    @property
    def regret(self) -> float:
        """Points below the best candidate; below 0 where an ensemble is better than all."""
        return self.best - self.accuracy


class Finished:
    """The cases that are done, in a file that a stopped run is continued from.

    The first line holds the settings that decide what comes out; every other line is a case.
    """

    def __init__(self, path: Path | None, settings: dict[str, Any]) -> None:
        """Read what is there.

        Raises:
            SystemExit: the file was written with other settings.
        """
        self.path = path
        self.taken: dict[Case, list[Taken]] = {}
        if path is None:
            return
        # A run that was killed may have left half a line, which ends without a line break.
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        whole = [json.loads(line) for line in lines if line.endswith("\n")]
        if not whole:
            path.write_text(json.dumps(settings) + "\n", encoding="utf-8")
            return
        for name, value in settings.items():
            if (other := whole[0].get(name)) != value:
                raise SystemExit(
                    f"{path} was written with {name}={other}, not {value}; give another --out."
                )
        for line in whole[1:]:
            case = Case(**line["case"])
            self.taken[case] = [
                Taken(case, item["rule"], tuple(item["names"]), item["accuracy"], line["best"])
                for item in line["taken"]
            ]
        if len(whole) < len(lines):
            path.write_text("".join(lines[: len(whole)]), encoding="utf-8")

    def add(self, taken: list[Taken]) -> None:
        """Keep the rules of one case, and write them down."""
        first = taken[0]
        self.taken[first.case] = taken
        if self.path is None:
            return
        items = [{"rule": i.rule, "names": i.names, "accuracy": i.accuracy} for i in taken]
        line = {"case": asdict(first.case), "best": first.best, "taken": items}
        append_text(self.path, json.dumps(line) + "\n")


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """Options that decide the result of a case."""
    names = ("data", "backbone", "candidates", "recipe", "steps", "strength")
    return {name: getattr(options, name) for name in names}


def do_case(case: Case, data: FeatureSet, options: argparse.Namespace) -> list[Taken]:
    """Train every candidate, let every rule choose, then look at the target."""
    started = time.monotonic()
    torch.set_num_threads(options.threads)
    backbone = load_backbone(options.backbone, "cpu")
    assert data.domains is not None
    out = data.domains == data.domain_names.index(case.target)
    sources, test = data.subset(~out), data.subset(out)
    assert sources.domains is not None
    split = make_split(None, sources.labels.numpy(), sources.domains.numpy(), seed=case.seed)
    train, validation = sources.subset(split.train), sources.subset(split.validation)
    recipe = get_recipe(options.recipe)
    if options.steps is not None:
        recipe = replace(recipe, max_steps=options.steps)
    names = tuple(options.candidates.split(","))
    auto = Auto(recipe=recipe)
    number = auto.discovery.expected_domains
    candidates = Candidates(
        lambda name: auto.candidate(name, number), train, validation, backbone, seed=case.seed
    )
    choices = {label: rule.choose(candidates, names) for label, rule in rules(names).items()}

    def at_target(taken: tuple[str, ...], shares: tuple[float, ...] | None = None) -> float:
        single = len(taken) == 1
        model = (
            candidates.classifier(taken[0]) if single else candidates.combined("all", taken, shares)
        )
        return 100 * model.accuracy(test.features, test.labels)

    best = max(at_target((name,)) for name in names)
    seconds = time.monotonic() - started
    print(
        f"{case.shift}, {case.target}, seed {case.seed}: the best candidate has {best:.1f} "
        f"({seconds:.0f} s)",
        file=sys.stderr,
        flush=True,
    )
    return [
        Taken(case, label, choice.names, at_target(choice.names, choice.shares), best)
        for label, choice in choices.items()
    ]


def worlds(
    features: FeatureSet, options: argparse.Namespace
) -> Iterator[tuple[FeatureSet, list[Case]]]:
    """The features of every kind of shift and seed, with their cases."""
    kinds = options.shifts.split(",")
    for kind in kinds:
        for seed in range(options.seeds):
            data = features
            if kind != "real":
                data = shifted(features, kind, seed, options.strength)
            wanted = options.targets.split(",") if options.targets else data.domain_names
            yield data, [Case(kind, name, seed) for name in data.domain_names if name in wanted]


def summary(taken: Sequence[Taken]) -> Iterator[str]:
    """A table with a row for each rule, the least regret first."""
    kinds = list(dict.fromkeys(item.case.shift for item in taken))
    heads = ["rule", *(f"regret, {kind}" for kind in kinds), "mean regret", "right", "accuracy"]
    yield "| " + " | ".join(heads) + " |"
    yield "|---|" + "---:|" * (len(heads) - 1)
    by_rule: dict[str, list[Taken]] = {}
    for item in taken:
        by_rule.setdefault(item.rule, []).append(item)
    means = {rule: statistics.mean(i.regret for i in own) for rule, own in by_rule.items()}
    for rule in sorted(by_rule, key=means.__getitem__):
        own = by_rule[rule]
        of_kind = [[item.regret for item in own if item.case.shift == kind] for kind in kinds]
        regrets = [f"{statistics.mean(some):.2f}" if some else "" for some in of_kind]
        right = sum(item.regret <= 1e-9 for item in own)
        accuracy = statistics.mean(item.accuracy for item in own)
        cells = [rule, *regrets, f"{means[rule]:.2f}", f"{right} of {len(own)}", f"{accuracy:.1f}"]
        yield "| " + " | ".join(cells) + " |"


def details(taken: Sequence[Taken]) -> Iterator[str]:
    """A row for each case and rule: what is taken, and what it gets."""
    yield "| shift | target | seed | rule | takes | accuracy | regret |"
    yield "|---|---|---:|---|---|---:|---:|"
    for item in taken:
        case, takes = item.case, " + ".join(item.names)
        yield (
            f"| {case.shift} | {case.target} | {case.seed} | {item.rule} | {takes} "
            f"| {item.accuracy:.1f} | {item.regret:.1f} |"
        )


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="demo")
    parser.add_argument("--backbone", default="nano")
    parser.add_argument("--targets", help="such as photo,offsets-0; every domain by default")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--shifts", default="real,offsets,rotations")
    parser.add_argument("--strength", type=float, default=0.5, help="of generated shifts")
    parser.add_argument("--candidates", default=",".join(CANDIDATES))
    parser.add_argument("--recipe", default="steady")
    parser.add_argument("--steps", type=int, help="instead of the recipe's")
    parser.add_argument("--jobs", type=int, default=1, help="cases side by side")
    parser.add_argument("--out", type=Path, help="file of finished cases, to go on from")
    options = parser.parse_args(arguments)
    if unknown := [s for s in options.shifts.split(",") if s not in ("real", *SHIFTS)]:
        parser.error(f"there is no shift {unknown[0]!r}; choose from real, {', '.join(SHIFTS)}")
    # As many as OMP_NUM_THREADS says at most.
    options.threads = max(1, min(torch.get_num_threads(), (os.cpu_count() or 1) // options.jobs))
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what every rule takes in every case, and the table of all."""
    options = parse(arguments)
    features = extract_features(load_dataset(options.data), load_backbone(options.backbone, "cpu"))
    work = [(case, data) for data, cases in worlds(features, options) for case in cases]
    if not work:
        raise SystemExit(
            f"No domain is called {options.targets}; see --shifts for those there are."
        )
    finished = Finished(options.out, settings_of(options))
    run = Parallel(n_jobs=options.jobs, return_as="generator_unordered")
    left = [item for item in work if item[0] not in finished.taken]
    for taken in cast(
        "Iterator[list[Taken]]",
        run(delayed(do_case)(case, data, options) for case, data in left),
    ):
        finished.add(taken)
    taken = [item for case, _ in work for item in finished.taken[case]]
    for line in (*details(taken), "", *summary(taken)):
        print(line)


if __name__ == "__main__":
    main()
