"""Figures hold the numbers they were given."""

from __future__ import annotations

import pytest

from ldpf.report.plots.curves import bar_figure, curve_figure

LINES = [
    {"method": m, "target": t, "seed": s, "accuracy": v}
    for m, t, s, v in [("a", "x", 0, 0.2), ("a", "x", 1, 0.4), ("b", "x", 0, 0.5)]
]


def test_bars_are_means_in_percent():
    axes = bar_figure(LINES, ["a", "b"], ["x"]).axes[0]
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([30.0, 50.0])


def test_bars_differ_in_more_than_color():
    lines = [{"method": str(i), "target": "x", "seed": 0, "accuracy": 0.5} for i in range(13)]
    axes = bar_figure(lines, [str(i) for i in range(13)], ["x"]).axes[0]
    looks = [(bar.get_facecolor(), bar.get_hatch()) for bar in axes.patches]
    assert len(set(looks)) == 13


def test_curves_pass_through_the_means():
    axes = curve_figure({"ldpf": {1.0: [0.2, 0.4], 3.0: [0.6]}}, "N_s").axes[0]
    x, y = axes.lines[0].get_data()
    assert list(x) == [1.0, 3.0]
    assert list(y) == pytest.approx([30.0, 60.0])
    assert axes.get_xlabel() == "N_s"
