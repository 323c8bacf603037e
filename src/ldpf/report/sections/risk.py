"""How many answers are wrong where only the surest are given."""

from __future__ import annotations

import numpy as np

from ldpf.evaluation.risk_coverage import RiskCoverage, risk_coverage
from ldpf.inspection.thumbnails import figure_uri
from ldpf.report.blocks import Block, Picture, Table, Text
from ldpf.report.findings import Findings
from ldpf.report.plots.risk import risk_coverage_figure
from ldpf.report.sections.base import SECTIONS
from ldpf.report.sections.common import percent

SHARES = (0.25, 0.5, 0.75, 1.0)
"""Shares of images in the table."""


@SECTIONS.register("risk", title="Doubtful answers", order=82)
def risk_section(found: Findings) -> list[Block]:
    """The risk-coverage curve of the main method and its bases."""
    curves = {
        name: curve
        for name in dict.fromkeys((found.main, "zero-shot", "coop"))
        if (curve := _curve(found, name)) is not None
    }
    if found.main not in curves:
        return [Text(found.no_answers or f"{found.main} gives no probabilities.", "note")]
    rows = [
        (name, *(percent(curve.at(share)) for share in SHARES), percent(curve.area))
        for name, curve in curves.items()
    ]
    half = percent(curves[found.main].at(0.5))
    return [
        Text(
            "A person can look at the answers that a model is least sure of ('ldpf predict "
            f"--abstain-below P'). Where {found.main} answers the surer half, {half}% of its "
            "answers are wrong."
        ),
        Picture(
            figure_uri(lambda: risk_coverage_figure(curves)),
            f"Risk-coverage curve. Area below it in points: "
            f"{', '.join(f'{name} {percent(curve.area)}' for name, curve in curves.items())}.",
            "Share of wrong answers where only the surest are given, by the share that is given. "
            "All targets and seeds together.",
        ),
        Table(
            "Wrong answers in % where only the surest share of images is answered; area under the "
            "curve in points",
            ("method", *(f"{share:.0%} answered" for share in SHARES), "area"),
            rows,
        ),
    ]


def _curve(found: Findings, method: str) -> RiskCoverage | None:
    """Over all targets and seeds; None where the method gives no probabilities."""
    runs = [run for run in found.runs.values() if method in run.confidence]
    if not runs:
        return None
    sure = np.concatenate([run.confidence[method] for run in runs]).astype(float)
    return risk_coverage(sure, np.concatenate([run.right(method) for run in runs]))
