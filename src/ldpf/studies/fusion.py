"""Fusion rules compared on the same prompts."""

from __future__ import annotations

from dataclasses import dataclass

from ldpf.experiments.readouts import READOUTS
from ldpf.report.plots.curves import bar_figure
from ldpf.studies.base import STUDIES, Study
from ldpf.studies.bench import Bench, StudyResult


@STUDIES.register("fusion")
@dataclass(frozen=True)
class FusionStudy(Study):
    """Which fusion rule gives the best weights to the prompts?

    Every rule, and U_sel, is read out of the same trainings. A rule that learns is fitted to their
    images.
    """

    def run(self, bench: Bench) -> StudyResult:
        rules = {
            name: readout.fusion
            for name, readout in READOUTS.items()
            if readout.trained_as == "ldpf" and readout.fusion is not None
        }
        names = {"ldpf": "similarity", **rules, "ldpf-oracle": "U_sel"}
        lines = bench.run(names)
        return StudyResult(
            "Fusion rules on the same prompts",
            "U_sel counts an image as right if any prompt is right. It needs the true labels: a "
            "bound for every rule that picks one prompt, and no method.",
            lines,
            figures={"fusion.png": bar_figure(lines, list(names.values()), bench.targets)},
        )
