"""Figures of studies: bars and curves, readable in gray and by the color-blind."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

# Okabe and Ito's colors; each has a marker and a hatching of its own besides.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
HATCHES = ("", "//", "..", "xx", "\\\\", "--", "++", "oo")


def bar_figure(
    lines: Sequence[Mapping[str, Any]], variants: Sequence[str], targets: Sequence[str]
) -> Figure:
    """Mean accuracy of each variant on each target; whiskers are standard deviations over seeds."""
    figure = Figure(figsize=(max(6.0, 1.5 + 0.8 * len(targets) + 0.28 * len(variants) * 2), 4.2))
    axes = figure.subplots()
    width = 0.84 / len(variants)
    for place, variant in enumerate(variants):
        cells = [
            [
                100 * line["accuracy"]
                for line in lines
                if line["method"] == variant and line["target"] == target
            ]
            for target in targets
        ]
        color = COLORS[place % len(COLORS)]
        hatch = HATCHES[(place + place // len(COLORS)) % len(HATCHES)]
        axes.bar(
            np.arange(len(targets)) + (place - (len(variants) - 1) / 2) * width,
            [statistics.fmean(cell) for cell in cells],
            width,
            yerr=[statistics.stdev(cell) if len(cell) > 1 else 0 for cell in cells],
            color=color,
            hatch=hatch,
            edgecolor="white",
            error_kw={"linewidth": 0.8},
            label=variant,
        )
    axes.set_xticks(range(len(targets)), targets)
    axes.set_ylabel("accuracy, %")
    _finish(figure, axes)
    return figure


def curve_figure(
    series: Mapping[str, Mapping[float, Sequence[float]]],
    x_label: str,
    *,
    logarithmic: bool = False,
) -> Figure:
    """Average accuracy over a setting: for each name and value, one accuracy a seed."""
    figure = Figure(figsize=(6.4, 4.2))
    axes = figure.subplots()
    for place, (name, points) in enumerate(series.items()):
        axes.errorbar(
            list(points),
            [100 * statistics.fmean(values) for values in points.values()],
            [100 * statistics.stdev(v) if len(v) > 1 else 0 for v in points.values()],
            color=COLORS[place % len(COLORS)],
            marker=MARKERS[place % len(MARKERS)],
            capsize=3,
            label=name,
        )
    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(ScalarFormatter())
    ticks = sorted({value for points in series.values() for value in points})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel(x_label)
    axes.set_ylabel("accuracy, % (average over targets)")
    _finish(figure, axes)
    return figure


def _finish(figure: Figure, axes: Any) -> None:
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.tight_layout()
