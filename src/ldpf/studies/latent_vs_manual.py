"""Latent domains against manual ones: where they differ, and what that is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from ldpf.domains.diagnostics import cross_table
from ldpf.inspection.contact_sheet import Panel, draw_sheet
from ldpf.report.plots.curves import bar_figure
from ldpf.studies.base import STUDIES, Study
from ldpf.studies.bench import Bench, StudyResult, write_rows
from ldpf.utils.files import open_atomic
from ldpf.utils.text import count

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet

SHEET_COLUMNS = 12
VARIANTS = {"ldpf": "latent", "ldpf-manual": "manual", "ldpf-random": "random"}
SINGLE = "single prompt"


@STUDIES.register("latent-vs-manual")
@dataclass(frozen=True)
class LatentVsManualStudy(Study):
    """Do latent domains beat manual ones, and why?

    Accuracy of latent, manual and random domains at the same number, that of the training domains,
    and of a single prompt. A contingency table of the latent and manual domains of the first seed,
    a list of the images on which they disagree, and a contact sheet of these.
    """

    def run(self, bench: Bench) -> StudyResult:
        lines: list[dict[str, Any]] = []
        rows: list[dict[str, Any]] = []
        for target in bench.targets:
            images = bench.sources(target)
            assert images.domains is not None
            k = len(images.domains.unique())
            one = bench.on(bench.data, bench.dataset_name, [target])
            lines += one.run(VARIANTS, n_domains=k)
            lines += one.run({"ldpf": SINGLE}, n_domains=1)
            latent = bench.discover(target, k, seed=0).assign(images.features)
            matched = matched_domains(latent, images.domains, k, len(images.domain_names))
            rows += _contingency(target, latent, images, matched)
            apart = matched[latent] != images.domains
            listed = disagreements(images, latent, matched)
            if listed:
                write_rows(bench.out / f"disagree-{target}.csv", listed)
            if bench.root is not None and listed:
                sheet = draw_sheet(
                    _panels(bench, images, latent, matched, apart.numpy()), SHEET_COLUMNS
                )
                with open_atomic(bench.out / f"sheet-{target}.png", "wb") as file:
                    sheet.save(file, "PNG")
        # Variants in order, though trained target by target.
        order = [*VARIANTS.values(), SINGLE]
        lines.sort(key=lambda line: order.index(line["method"]))
        return StudyResult(
            "Latent and manual domains",
            f"{gains(lines, bench.targets)} Measured: images by latent domain (first seed) and "
            "manual domain. Each latent domain is matched to one manual domain, so that most "
            "images agree; disagree-TARGET.csv lists the others.",
            lines,
            rows,
            {"latent-vs-manual.png": bar_figure(lines, order, bench.targets)},
        )


def matched_domains(
    latent: torch.Tensor, manual: torch.Tensor, n_latent: int, n_manual: int
) -> torch.Tensor:
    """The manual domain that each latent domain is matched to, [S].

    One to one, so that as many images as possible agree; a latent domain left over, where there are
    more of them, is matched to the manual domain of most of its images.

    Args:
        latent, manual: [N] ids.
        n_latent, n_manual: S, and number of manual domains.
    """
    table = cross_table(latent, manual, n_latent, n_manual)
    matched = table.argmax(axis=1)
    rows, columns = linear_sum_assignment(table, maximize=True)
    matched[rows] = columns
    return torch.from_numpy(matched.astype(np.int64))


def _contingency(
    target: str, latent: torch.Tensor, images: FeatureSet, matched: torch.Tensor
) -> list[dict[str, Any]]:
    """A row for each latent domain: images of every manual domain."""
    assert images.domains is not None
    names = images.domain_names
    table = cross_table(latent, images.domains, len(matched), len(names))
    return [
        {
            "target": target,
            "latent": s,
            "matched": names[int(matched[s])],
            "images": int(row.sum()),
            "agree": float(row[int(matched[s])] / max(int(row.sum()), 1)),
            **{f"in {name}": int(number) for name, number in zip(names, row, strict=True)},
        }
        for s, row in enumerate(table)
    ]


def disagreements(
    images: FeatureSet, latent: torch.Tensor, matched: torch.Tensor
) -> list[dict[str, Any]]:
    """The images whose latent domain is matched to another manual domain than theirs.

    Args:
        images: N training images with manual domains.
        latent: [N] latent domains.
        matched: [S] manual domain of each latent domain.

    Returns:
        A row for each: its number among the images, path, class, manual domain, latent domain and
        what that is matched to.
    """
    assert images.domains is not None
    names, apart = images.domain_names, matched[latent] != images.domains
    return [
        {
            "image": i,
            "path": images.paths[i],
            "class": images.class_names[int(images.labels[i])],
            "manual": names[int(images.domains[i])],
            "latent": int(latent[i]),
            "matched": names[int(matched[latent[i]])],
        }
        for i in apart.nonzero().flatten().tolist()
    ]


def gains(lines: Sequence[Mapping[str, Any]], targets: Sequence[str]) -> str:
    """A sentence: how much better latent domains are than manual ones at each target."""

    def mean(variant: str, target: str) -> float:
        mine = [x for x in lines if x["method"] == variant and x["target"] == target]
        return 100 * fmean(line["accuracy"] for line in mine)

    less = {target: mean("latent", target) - mean("manual", target) for target in targets}
    ordered = sorted(less, key=less.__getitem__, reverse=True)
    shown = ", ".join(f"{target} {less[target]:+.1f}" for target in ordered)
    return f"Latent less manual domains, in points, by the target left out: {shown}."


def _panels(
    bench: Bench,
    images: FeatureSet,
    latent: torch.Tensor,
    matched: torch.Tensor,
    apart: np.ndarray,
) -> list[Panel]:
    """A panel for each manual domain and latent domain that disagree, the largest first."""
    assert images.domains is not None and bench.root is not None
    domains, found = images.domains.numpy(), latent.numpy()
    pairs: dict[tuple[int, int], np.ndarray] = {}
    for manual, s in sorted(set(zip(domains[apart], found[apart], strict=True))):
        pairs[manual, s] = np.flatnonzero(apart & (domains == manual) & (found == s))
    panels = []
    for (manual, s), rows in sorted(pairs.items(), key=lambda pair: -len(pair[1])):
        # From the whole list, not only its start, which is one class.
        shown = rows[np.unique(np.linspace(0, len(rows) - 1, SHEET_COLUMNS).astype(int))]
        names = images.domain_names
        panels.append(
            Panel(
                f"{names[manual]} in latent domain {s}",
                f"{count(len(rows), 'image')}; latent domain {s} is mostly "
                f"{names[int(matched[s])]}",
                tuple(bench.root / images.paths[i] for i in shown),
                tuple(f"{i} {images.class_names[int(images.labels[i])]}" for i in shown),
            )
        )
    return panels
