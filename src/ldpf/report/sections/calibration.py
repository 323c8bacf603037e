"""Whether answers are as often right as they are sure."""

from __future__ import annotations

import numpy as np

from ldpf.evaluation.calibration import Reliability, reliability
from ldpf.inspection.thumbnails import figure_uri
from ldpf.report.blocks import Block, Picture, Table, Text
from ldpf.report.findings import Findings
from ldpf.report.plots.maps import FEW, reliability_figure
from ldpf.report.sections.base import SECTIONS
from ldpf.report.sections.common import percent


@SECTIONS.register("calibration", title="Calibration", order=80)
def calibration_section(found: Findings) -> list[Block]:
    """The reliability diagram and the calibration error of the main method and its bases."""
    if found.main in found.oracles:
        note = f"{found.main} is a bound and gives no probabilities of its own."
        return [Text(note, "note")]
    methods = [
        name
        for name in dict.fromkeys((found.main, "zero-shot", "coop"))
        if any(name in run.confidence for run in found.runs.values())
    ]
    if found.main not in methods:
        return [Text(found.no_answers, "note")]
    curves = {name: curve(found, name) for name in methods}
    rows = [(name, *(_error(found, name, target) for target in found.targets)) for name in methods]
    own, others = curves[found.main], [name for name in methods if name != found.main]
    beside = ", ".join(f"{name} {percent(curves[name].error)}" for name in others)
    return [
        Text(
            "An answer with a probability of 80% should be right in 80% of the cases. Below "
            "the diagonal a model is surer than it may be, above it too modest. "
            f"{found.main}: {_words(own)}"
        ),
        Picture(
            figure_uri(lambda: reliability_figure(curves)),
            f"Reliability diagram. Expected calibration error in percentage points: "
            f"{found.main} {percent(own.error)}{', ' + beside if beside else ''}.",
            "Above: share of right answers by the probability given, where at least "
            f"{FEW} images got such an answer. Below: how many images did. All targets and "
            "seeds together.",
        ),
        Table(
            "Expected calibration error in percentage points (0: as sure as right), "
            f"{len(own.count)} bins",
            ("method", *found.targets),
            rows,
        ),
    ]


def curve(found: Findings, method: str, target: str | None = None) -> Reliability:
    """Confidence and accuracy of a method over all targets and seeds, or over one target's."""
    runs = [
        run
        for (name, _), run in found.runs.items()
        if target in (None, name) and method in run.confidence
    ]
    if not runs:
        return reliability(np.zeros(0), np.zeros(0, bool))
    sure = np.concatenate([run.confidence[method] for run in runs]).astype(float)
    return reliability(sure, np.concatenate([run.right(method) for run in runs]))


def _error(found: Findings, method: str, target: str) -> str:
    found_here = curve(found, method, target)
    return percent(found_here.error) if found_here.count.sum() else "–"


def _words(one: Reliability) -> str:
    filled = one.count > 0
    gap = (one.confidence[filled] - one.accuracy[filled]) * one.count[filled]
    mean = float(gap.sum() / one.count.sum())
    if abs(mean) < 0.02:
        return "on average about as sure as it is right."
    tone = "surer than it is right" if mean > 0 else "less sure than it is right"
    return f"on average {abs(100 * mean):.1f} points {tone}."
