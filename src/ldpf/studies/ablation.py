"""Ablation: one part of LDPF changed at a time."""

from __future__ import annotations

from dataclasses import dataclass

from ldpf.report.plots.curves import bar_figure
from ldpf.studies.base import STUDIES, Study
from ldpf.studies.bench import Bench, StudyResult

VARIANTS = {
    "coop": "CoOp",
    "ldpf-agnostic-only": "agnostic tokens only",
    "ldpf-specific-only": "specific tokens only",
    "ldpf-one-stage": "one stage",
    "ldpf-sequential": "stages one after the other",
    "ldpf-no-adversary": "no adversary",
    "ldpf-random": "random split",
    "ldpf-manual": "true domains",
    "ldpf-uniform": "uniform weights",
    "ldpf-nearest": "nearest domain only",
    "ldpf": "LDPF",
    "random-oracle": "U_sel of the random split",
    "ldpf-oracle": "U_sel of LDPF",
}
"""Name in the study of each method or read-out."""


@STUDIES.register("ablation")
@dataclass(frozen=True)
class AblationStudy(Study):
    """What is each part of LDPF worth?

    One thing is changed at a time (the paper's Table 2).
    """

    def run(self, bench: Bench) -> StudyResult:
        lines = bench.run(VARIANTS)
        return StudyResult(
            "Ablation",
            "Each row takes back one decision of LDPF; differences below the spread over seeds say "
            "nothing.",
            lines,
            figures={"ablation.png": bar_figure(lines, list(VARIANTS.values()), bench.targets)},
        )
