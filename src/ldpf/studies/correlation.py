"""What happens when class and domain go together, as with one scanner for the sick?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ldpf.errors import DataError
from ldpf.features.feature_set import FeatureSet
from ldpf.report.plots.curves import curve_figure
from ldpf.studies.base import STUDIES, Study, parse_number
from ldpf.studies.bench import Bench, StudyResult, averages
from ldpf.utils.constraints import Each, Number, check_fields, constraint
from ldpf.utils.seed import generator

METHODS = {"coop": "coop", "ldpf": "ldpf", "ldpf-no-adversary": "ldpf-no-adversary"}


@STUDIES.register("correlation", values="correlations from 0 to below 1")
@dataclass(frozen=True)
class CorrelationStudy(Study):
    """What if class and domain are correlated, as with one scanner for the sick?

    LDPF with and without adversary, and CoOp, learn from training sets of growing correlation.

    Attributes:
        values: correlations to try, from 0 to below 1.
    """

    values: tuple[float, ...] = field(
        default=(0.0, 0.25, 0.5, 0.75, 0.95),
        metadata=constraint(Each(Number(at_least=0, below=1))),
    )

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def parse(cls, texts: Sequence[str]) -> tuple[float, ...]:
        return tuple(parse_number(text, float) for text in texts)

    def run(self, bench: Bench) -> StudyResult:
        lines: list[dict[str, Any]] = []
        rows: list[dict[str, Any]] = []
        curves: dict[str, dict[float, list[float]]] = {name: {} for name in METHODS.values()}
        for value in self.values:
            trained: list[dict[str, Any]] = []
            for target in bench.targets:
                data = correlated(bench.data, target, value, highest=max(self.values))
                name = f"{bench.dataset_name}-correlation-{value:g}"
                trained += bench.on(data, name, [target]).run(METHODS)
            for method, curve in curves.items():
                curve[value] = averages(trained, method)
                mine = [line for line in trained if line["method"] == method]
                rows.append(_row(value, method, curve[value], mine))
            lines += [{**line, "method": f"{line['method']}, {value:g}"} for line in trained]
        return StudyResult(
            "Correlation of class and domain in the training set",
            "At 0 every class comes from all source domains alike, near 1 almost only from a home "
            "domain of its own. class_nmi and domain_nmi: what the latent domains agree with. "
            "Training sets have the same number of images of each class at every correlation.",
            lines,
            rows,
            {"correlation.png": curve_figure(curves, "correlation of class and domain")},
        )


def _row(
    correlation: float, method: str, accuracies: list[float], lines: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    measured = [line["training"]["domains"] for line in lines if "domains" in line["training"]]
    return {
        "correlation": correlation,
        "method": method,
        "accuracy": float(np.mean(accuracies)),
        "std": float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None,
        "class_nmi": _mean(measured, "class_nmi"),
        "domain_nmi": _mean(measured, "domain_nmi"),
        "n_train": int(np.mean([line["n_train"] for line in lines])),
    }


def correlated(
    data: FeatureSet, target: str, correlation: float, *, highest: float, seed: int = 0
) -> FeatureSet:
    """Resample the source domains; `target` stays whole.

    The k-th class has the home domain k modulo D among the D source domains. Of its images a share
    of correlation + (1 - correlation) / D is from home, the rest from the other domains in equal
    parts: at 0 class and domain are independent, at 1 the class gives the domain away. How many
    images a class has is the most that every correlation from 0 to `highest` can fill, so that
    training sets differ in nothing else. Images are drawn without replacement, more correlated sets
    keeping what they can of less correlated ones.

    Args:
        data: features with known domains.
        target: the domain left out.
        correlation: from 0 up to `highest`.
        highest: below 1.
        seed: of the draw.

    Raises:
        DataError: a class is missing in a source domain, so that some set would be empty.
    """
    assert data.domains is not None
    out = data.domain_names.index(target)
    sources = [d for d in range(len(data.domain_names)) if d != out and (data.domains == d).any()]
    picked = [(data.domains == out).nonzero().flatten()]
    draws = generator(seed, "correlation")
    for k, name in enumerate(data.class_names):
        cells = []
        for d in sources:
            rows = ((data.domains == d) & (data.labels == k)).nonzero().flatten()
            cells.append(rows[torch.randperm(len(rows), generator=draws)])
        home = k % len(sources)
        n = _affordable([len(cell) for cell in cells], home, highest)
        if n < len(sources):
            raise DataError(
                f"Class {name!r} has too few images in one of the source domains of {target!r} to "
                "correlate class and domain; leave the class out."
            )
        picked += [
            cell[:take]
            for cell, take in zip(cells, _counts(n, len(sources), home, correlation), strict=True)
        ]
    return data.subset(torch.cat(picked).sort().values)


def _counts(n: int, n_sources: int, home: int, correlation: float) -> list[int]:
    """How many of `n` images come from each source domain."""
    share = correlation + (1 - correlation) / n_sources
    at_home = round(share * n) if n_sources > 1 else n
    rest, others = n - at_home, [d for d in range(n_sources) if d != home]
    counts = [0] * n_sources
    counts[home] = at_home
    for place, d in enumerate(others):
        counts[d] = rest // len(others) + (place < rest % len(others))
    return counts


def _affordable(available: Sequence[int], home: int, highest: float) -> int:
    """The largest n for which no source domain runs out at correlation 0 or `highest`."""
    n = sum(available)
    while n and any(
        need > have
        for correlation in (0.0, highest)
        for need, have in zip(_counts(n, len(available), home, correlation), available, strict=True)
    ):
        n -= 1
    return n


def _mean(rows: Sequence[dict[str, Any]], key: str) -> float | None:
    values = [row[key] for row in rows if row.get(key) is not None]
    return float(np.mean(values)) if values else None
