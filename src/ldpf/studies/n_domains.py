"""How the number of latent domains matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from ldpf.domains.diagnostics import ari
from ldpf.report.plots.curves import curve_figure
from ldpf.studies.base import STUDIES, Study, parse_number
from ldpf.studies.bench import Bench, StudyResult, averages

STABILITY_SEEDS = 3
"""Discoveries to compare at least: they take seconds where a training takes minutes."""


@STUDIES.register("n-domains", values="numbers of latent domains")
@dataclass(frozen=True)
class NDomainsStudy(Study):
    """How many latent domains should there be?

    Measures accuracy, U_sel and stability for every number.

    Attributes:
        values: numbers of latent domains to try.
    """

    values: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)

    @classmethod
    def parse(cls, texts: Sequence[str]) -> tuple[int, ...]:
        return tuple(int(parse_number(text, int)) for text in texts)

    def run(self, bench: Bench) -> StudyResult:
        lines: list[dict[str, Any]] = []
        rows: list[dict[str, Any]] = []
        accuracy: dict[float, list[float]] = {}
        oracle: dict[float, list[float]] = {}
        for n in self.values:
            name, bound = f"N_s {n}", f"N_s {n}, U_sel"
            lines += bench.run({"ldpf": name, "ldpf-oracle": bound}, n_domains=n)
            accuracy[float(n)], oracle[float(n)] = averages(lines, name), averages(lines, bound)
            gap = np.mean(oracle[float(n)]) - np.mean(accuracy[float(n)])
            rows.append({"n_domains": n, "gap": float(gap), "stability": stability(bench, n)})
        figure = curve_figure({"ldpf": accuracy, "U_sel": oracle}, "number of latent domains")
        return StudyResult(
            "Number of latent domains",
            "gap: U_sel minus LDPF. stability: mean adjusted Rand index between the latent domains "
            f"of two seeds on the same images (1: the same), of {STABILITY_SEEDS} seeds or as many "
            "as there are. U_sel grows with N_s even when prompts differ by chance only.",
            lines,
            rows,
            {"n-domains.png": figure},
        )


def stability(bench: Bench, n_domains: int) -> float:
    """Mean ARI over targets and pairs of seeds; 1 for one latent domain."""
    if n_domains == 1:
        return 1.0
    seeds = range(max(bench.seeds, STABILITY_SEEDS))
    values = []
    for target in bench.targets:
        images = bench.sources(target).features
        assigned = [bench.discover(target, n_domains, seed).assign(images) for seed in seeds]
        values += [ari(first, second) for first, second in combinations(assigned, 2)]
    return float(np.mean(values))
