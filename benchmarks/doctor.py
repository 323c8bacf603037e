#!/usr/bin/env python
"""What the signs of `ldpf.doctor` say of data made to show them, and of a data set.

    python benchmarks/doctor.py                                       the made data, five draws each
    python benchmarks/doctor.py --data pacs --backbone path/to/lab-clip --targets photo,sketch

The first table has a row for each made case and a column for each sign: in how many draws it shows.
What a case was made for is in `doctor_cases.py`; the lines below the table say where it came out
otherwise. With --data, LDPF is trained on all domains but one, which is then the labeled new site;
and again on sources in which class and domain go together (resampled as in `ldpf study
correlation`), with domains known and unknown. A row is a sign with its figure, in bold where it
shows and is serious, in italics where it is a notice.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from doctor_cases import CASES
from ldpf.backbones import Backbone, load_backbone
from ldpf.data import load_dataset
from ldpf.doctor import SIGNS, Case, Finding, Status, examine
from ldpf.doctor.base import ordered_signs
from ldpf.domains.diagnostics import measure_latent
from ldpf.features.extract import extract_features
from ldpf.features.feature_set import FeatureSet
from ldpf.methods import make_method
from ldpf.studies.correlation import correlated
from ldpf.utils.registry import part_settings

STYLES = {Status.SERIOUS: "**{}**", Status.NOTICE: "*{}*", Status.FINE: "{}"}


def made_table(draws: int) -> tuple[list[str], list[str]]:
    """Rows of a Markdown table of cases by signs, and what came out otherwise than it was made."""
    signs = ordered_signs()
    rows, otherwise = header(["made data", *signs]), []
    for name, (make, expected) in CASES.items():
        shown = dict.fromkeys(signs, 0)
        for seed in range(draws):
            for found in examine(make(seed)):
                shown[found.sign] += found.shows
                if found.shows != (found.sign in expected):
                    verb = "shows" if found.shows else "does not show"
                    otherwise.append(f"{name}, draw {seed}: {found.sign} {verb} ({found.words})")
        cells = (f"**{shown[s]}**" if s in expected else str(shown[s] or "·") for s in signs)
        rows.append(row([name, *cells]))
    return rows, otherwise


def cases_of(data: FeatureSet, targets: list[str], backbone: Backbone, seed: int) -> Iterator[Case]:
    """For each target: a model of the other domains, and two of correlated ones.

    Yields:
        The case of each target's domains as they are, then correlated with domains known and
        unknown, which are the same model.
    """
    for target in targets:
        yield case_of(data, target, backbone, seed)
        sources = correlated(data, target, CORRELATION, highest=CORRELATION)
        known = case_of(sources, target, backbone, seed)
        yield known
        assert known.train is not None and known.held_out is not None
        yield replace(known, train=unknown(known.train), held_out=unknown(known.held_out))


CORRELATION = 0.95


def case_of(data: FeatureSet, target: str, backbone: Backbone, seed: int) -> Case:
    """LDPF trained on all domains but one, and that one as the labeled new site."""
    assert data.domains is not None
    new = data.domains == data.domain_names.index(target)
    train, held_out, _ = data.subset(~new).split(0.8, seed=seed)
    method = make_method("ldpf")
    classifier = method.fit(train, held_out, backbone, seed=seed)
    assert classifier.latent is not None
    return Case(
        classifier=classifier,
        backbone=backbone,
        train=train,
        held_out=held_out,
        photos=unknown(data.subset(new)),
        labeled=True,
        settings=part_settings(method),
        recorded=measure_latent(classifier.latent, train, held_out),
        seed=seed,
    )


def unknown(images: FeatureSet) -> FeatureSet:
    """The same images with domains unknown."""
    return replace(images, domains=None, domain_names=())


def data_table(names: list[str], cases: Iterator[Case], signs: list[str]) -> list[str]:
    """Rows of a Markdown table of signs by cases."""
    columns: list[dict[str, Finding]] = []
    for name, case in zip(names, cases, strict=True):
        columns.append({found.sign: found for found in examine(case, signs)})
        serious = [s for s, found in columns[-1].items() if found.status is Status.SERIOUS]
        print(f"{name}: serious {', '.join(serious) or 'nothing'}", file=sys.stderr, flush=True)
    rows = header(["sign", "shows", *names])
    for sign in signs:
        found = [column[sign] for column in columns]
        rows.append(row([sign, found[0].shown_threshold, *map(cell, found)]))
    return rows


def cell(found: Finding) -> str:
    """The figure in the style of its status; a dash where it was not measured."""
    if found.figure is None:
        return "–"
    return STYLES[found.status].format(SIGNS.make(found.sign).unit.words(found.figure))


def header(names: list[str]) -> list[str]:
    """The first two rows of a Markdown table."""
    return [row(names), row(["---"] * len(names))]


def row(cells: list[str]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--draws", type=int, default=5, help="of each made case; 0 for none")
    parser.add_argument("--data", help="a data set with known domains")
    parser.add_argument("--backbone", default="nano")
    parser.add_argument("--targets", help="domains to leave out, with commas; default: all")
    parser.add_argument("--without", default="", help="signs to leave out, with commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache-dir", type=Path)
    options = parser.parse_args()
    if options.draws:
        rows, otherwise = made_table(options.draws)
        print("\n".join([*rows, "", *(otherwise or ["Everything came out as it was made."])]))
    if options.data is None:
        return
    backbone = load_backbone(options.backbone, "cpu")
    dataset = load_dataset(options.data, cache_dir=options.cache_dir)
    data = extract_features(dataset, backbone, cache_dir=options.cache_dir)
    targets = options.targets.split(",") if options.targets else list(data.domain_names)
    kinds = ("", ", correlated", ", correlated, domains unknown")
    names = [f"{target}{kind}" for target in targets for kind in kinds]
    signs = [sign for sign in ordered_signs() if sign not in options.without.split(",")]
    cases = cases_of(data, targets, backbone, options.seed)
    print("\n".join(["", *data_table(names, cases, signs)]))


if __name__ == "__main__":
    main()
