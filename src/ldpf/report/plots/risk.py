"""The risk-coverage curve."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from ldpf.evaluation.risk_coverage import RiskCoverage
from ldpf.report.plots.curves import COLORS

FEWEST = 0.02
"""Share of images below which a risk is chance and is not drawn."""


def risk_coverage_figure(curves: Mapping[str, RiskCoverage]) -> Figure:
    """Share of wrong answers by the share of images that are answered, for each method."""
    figure = Figure(figsize=(6.4, 4.2))
    axes = figure.subplots()
    for place, (name, curve) in enumerate(curves.items()):
        drawn = curve.coverage >= FEWEST
        axes.plot(
            100 * curve.coverage[drawn],
            100 * curve.risk[drawn],
            color=COLORS[place % len(COLORS)],
            label=f"{name} (area {100 * curve.area:.1f})",
        )
    axes.set_xlabel("images answered, %")
    axes.set_ylabel("wrong answers among them, %")
    axes.set_xlim(0, 100)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=9, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure
