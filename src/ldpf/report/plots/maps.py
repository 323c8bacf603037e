"""Figures of a report: differences with intervals, confusion, weights and calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from ldpf.report.plots.curves import COLORS, HATCHES, MARKERS

if TYPE_CHECKING:
    from ldpf.evaluation.bootstrap import Comparison
    from ldpf.evaluation.calibration import Reliability

SHADES = "Greys"
"""Lightness alone carries the numbers of a matrix."""

_LETTERS = 68  # that fit into a whole bar

FEW = 10
"""Images below which a bin of the reliability diagram is not drawn."""


def difference_figure(differences: Mapping[str, Mapping[str, Comparison]], main: str) -> Figure:
    """Points with whiskers: `main` minus each base, in percentage points.

    Args:
        differences: by base, by target, in the order from top to bottom.
        main: name of the method.
    """
    rows = list(next(iter(differences.values())))
    figure = Figure(figsize=(7.2, 1.3 + 0.5 * len(rows)))
    axes = figure.subplots()
    step = 0.5 / max(len(differences), 2)
    for place, (base, by_target) in enumerate(differences.items()):
        found = [by_target[row] for row in rows]
        middle = np.array([100 * one.difference for one in found])
        reach = [
            [100 * (one.difference - one.low) for one in found],
            [100 * (one.high - one.difference) for one in found],
        ]
        axes.errorbar(
            middle,
            np.arange(len(rows)) + (place - (len(differences) - 1) / 2) * step,
            xerr=reach,
            fmt=MARKERS[place],
            color=COLORS[place],
            capsize=4,
            label=f"{main} − {base}",
        )
    axes.axvline(0, color="black", linewidth=1)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("difference in accuracy, percentage points")
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=9, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    figure.tight_layout()
    return figure


def confusion_figure(counts: np.ndarray, names: Sequence[str]) -> Figure:
    """Shares of each true class [K, K] by answer, as shades with numbers in percent."""
    shares = 100 * counts / counts.sum(axis=1, keepdims=True).clip(1)
    side = max(4.6, 2.2 + 0.42 * len(names))
    figure = Figure(figsize=(side + 0.6, side))
    axes = figure.subplots()
    axes.imshow(shares, cmap=SHADES, vmin=0, vmax=100)
    for true, row in enumerate(shares):
        for seen, share in enumerate(row):
            if share >= 0.5:
                axes.text(
                    seen,
                    true,
                    f"{share:.0f}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if share > 55 else "black",
                    fontweight="bold" if true == seen else "normal",
                )
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", fontsize=9)
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.set_xlabel("answered")
    axes.set_ylabel("true class")
    figure.tight_layout()
    return figure


def weights_figure(
    weights: Mapping[str, Sequence[float]], names: Mapping[str, Sequence[str]]
) -> Figure:
    """Stacked bars of the mean fusion weights, one bar a target.

    Args:
        weights: by target, [S], summing to one.
        names: by target, the text in the parts of the bar; where there is no room, the number.
    """
    figure = Figure(figsize=(7.2, 1.1 + 0.55 * len(weights)))
    axes = figure.subplots()
    for place, (target, parts) in enumerate(weights.items()):
        left = 0.0
        for s, share in enumerate(parts):
            axes.barh(
                place,
                100 * share,
                0.62,
                left=left,
                color=COLORS[s % len(COLORS)],
                hatch=HATCHES[s % len(HATCHES)],
                edgecolor="white",
            )
            whole, short = f"{names[target][s]}: {share:.0%}", f"{s}: {share:.0%}"
            if len(short) <= _LETTERS * share:
                axes.text(
                    left + 50 * share,
                    place,
                    whole if len(whole) <= _LETTERS * share else short,
                    ha="center",
                    va="center",
                    fontsize=9,
                    bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none"},
                )
            left += 100 * share
    axes.set_yticks(range(len(weights)), list(weights))
    axes.set_ylim(len(weights) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel("mean weight, %")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure


def map_figure(
    points: np.ndarray,
    panels: Mapping[str, tuple[np.ndarray, Sequence[str]]],
    others: np.ndarray | None = None,
    others_name: str = "",
    title: str = "",
) -> Figure:
    """The same points in a panel for each way to group them, with others as crosses on top.

    Group s has the color and marker it has in other figures.

    Args:
        points: [m, 2].
        panels: by what the groups are, the group [m] of each point and the groups' names.
        others: [q, 2]; None for none.
        others_name: what they are.
        title: put before "by ..." above each panel.
    """
    figure = Figure(figsize=(4.6 * len(panels), 5.2))
    drawn = np.atleast_1d(figure.subplots(1, len(panels), sharex=True, sharey=True))
    for axes, (heading, (groups, names)) in zip(drawn, panels.items(), strict=True):
        for s in np.unique(groups):
            mine = points[groups == s]
            axes.scatter(
                mine[:, 0],
                mine[:, 1],
                s=11,
                alpha=0.6,
                linewidths=0,
                rasterized=True,  # thousands of points would make a drawing of megabytes
                color=COLORS[s % len(COLORS)],
                marker=MARKERS[s % len(MARKERS)],
                label=names[s],
            )
        if others is not None and len(others):
            axes.scatter(
                others[:, 0],
                others[:, 1],
                s=14,
                alpha=0.45,
                linewidths=0.7,
                rasterized=True,
                color="black",
                marker="x",
                label=others_name,
            )
        axes.set_title(f"{title}by {heading}", fontsize=10)
        axes.set_xlabel("first principal component of z")
        axes.spines[["top", "right"]].set_visible(False)
        columns = 1 if len(names) < 5 else 2
        legend = axes.legend(
            fontsize=8,
            markerscale=2,
            frameon=False,
            loc="upper left",
            bbox_to_anchor=(0, -0.14),
            ncols=columns,
        )
        for handle in legend.legend_handles:
            handle.set_alpha(1)
    drawn[0].set_ylabel("second")
    figure.tight_layout()
    return figure


def reliability_figure(curves: Mapping[str, Reliability]) -> Figure:
    """How often answers are right against how sure they are; on the diagonal both are the same.

    A bin of fewer than `FEW` images is left out above: its share of right answers is chance.
    """
    figure = Figure(figsize=(7.2, 5.4))
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    axes.plot([0, 100], [0, 100], color="0.5", linewidth=1, linestyle="--")
    axes.text(
        60,
        62,
        "as sure as right",
        rotation=45,
        rotation_mode="anchor",
        transform_rotates_text=True,
        color="0.35",
        fontsize=9,
    )
    for place, (name, curve) in enumerate(curves.items()):
        filled = curve.count >= FEW
        style = {"color": COLORS[place], "marker": MARKERS[place]}
        axes.plot(
            100 * curve.confidence[filled],
            100 * curve.accuracy[filled],
            label=f"{name} (error {100 * curve.error:.1f})",
            **style,
        )
        middles = (np.arange(len(curve.count)) + 0.5) * 100 / len(curve.count)
        below.plot(middles, 100 * curve.count / max(curve.count.sum(), 1), **style)
    axes.set_ylabel("right answers, %")
    axes.set_ylim(-3, 103)  # points at the ends are seen whole
    axes.legend(fontsize=9, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    below.set_xlabel("probability the model gives its answer, %")
    below.set_ylabel("images, %")
    below.set_ylim(bottom=0)
    for one in (axes, below):
        one.set_xlim(-3, 103)
        one.grid(alpha=0.3)
        one.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure
