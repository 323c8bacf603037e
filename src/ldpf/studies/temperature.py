"""Temperatures of the similarity fusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ldpf.report.plots.curves import curve_figure
from ldpf.studies.base import STUDIES, Study, parse_number
from ldpf.studies.bench import Bench, StudyResult, averages


@STUDIES.register("temperature", values="temperatures")
@dataclass(frozen=True)
class TemperatureStudy(Study):
    """Which temperature should the fusion weights have?

    LDPF is trained anew with each temperature tau of the similarity fusion. (Losses do not depend
    on tau, but which prompts are kept does: validation judges the fused prediction.)

    Attributes:
        values: temperatures to try.
    """

    values: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

    @classmethod
    def parse(cls, texts: Sequence[str]) -> tuple[float, ...]:
        return tuple(parse_number(text, float) for text in texts)

    def run(self, bench: Bench) -> StudyResult:
        lines, points = [], {}
        for tau in self.values:
            name = f"tau {tau:g}"
            lines += bench.run({"ldpf": name}, settings={"tau": float(tau)})
            points[float(tau)] = averages(lines, name)
        figure = curve_figure({"ldpf": points}, "temperature tau", logarithmic=True)
        return StudyResult(
            "Temperature of the fusion",
            "A small tau asks the nearest latent domain alone, a large one all of them alike.",
            lines,
            figures={"temperature.png": figure},
        )
