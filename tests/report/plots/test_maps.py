from __future__ import annotations

import numpy as np
import pytest

from ldpf.evaluation.bootstrap import Comparison
from ldpf.evaluation.calibration import reliability
from ldpf.report.plots.maps import (
    FEW,
    confusion_figure,
    difference_figure,
    map_figure,
    reliability_figure,
    weights_figure,
)


def test_differences_stand_in_points_one_row_a_target():
    one = Comparison(0.02, -0.01, 0.05, 1, 3)
    figure = difference_figure({"coop": {"art": one}, "zero-shot": {"art": one}}, "ldpf")
    [axes] = figure.axes
    middles = [float(line.get_xdata()[0]) for line in axes.lines if len(line.get_xdata()) == 1]
    assert middles[:1] == pytest.approx([2.0])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["art"]


def test_bases_differ_in_marker_besides_color():
    one = Comparison(0.02, -0.01, 0.05, 1, 3)
    axes = difference_figure({"coop": {"art": one}, "zero-shot": {"art": one}}, "ldpf").axes[0]
    markers = {box.lines[0].get_marker() for box in axes.containers}
    assert len(markers) == 2


def test_confusion_is_in_percent_of_the_true_class():
    figure = confusion_figure(np.array([[3, 1], [0, 0]]), ["cat", "dog"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["75", "25"]


def test_weights_fill_the_bar_and_short_parts_get_short_labels():
    names = ["latent 0, a rather long name?", "latent 1", "latent 2"]
    figure = weights_figure({"art": [0.85, 0.12, 0.03]}, {"art": names})
    assert sum(bar.get_width() for bar in figure.axes[0].patches[:3]) == pytest.approx(100)
    labels = [text.get_text() for text in figure.axes[0].texts]
    assert labels == ["latent 0, a rather long name?: 85%", "1: 12%"]


def test_all_points_of_a_map_are_drawn_in_every_panel():
    points, groups = np.arange(12.0).reshape(6, 2), np.array([0, 0, 1, 1, 2, 2])
    panels = {"latent domain": (groups, ["a", "b", "c"]), "known": (groups // 2, ["x", "y"])}
    figure = map_figure(points, panels, np.ones((4, 2)), "art (left out)")
    for axes in figure.axes:
        assert sum(len(cloud.get_offsets()) for cloud in axes.collections) == 6 + 4
        assert axes.get_legend().get_texts()[-1].get_text() == "art (left out)"


def test_a_map_without_others_names_its_groups_only():
    points, groups = np.arange(8.0).reshape(4, 2), np.array([0, 0, 1, 1])
    [axes] = map_figure(points, {"latent domain": (groups, ["a", "b"])}, title="art out, ").axes
    assert axes.get_title() == "art out, by latent domain"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_bins_of_few_images_are_not_drawn():
    confidence = np.array([0.15] * (FEW - 1) + [0.85] * FEW)
    curve = reliability(confidence, np.ones(len(confidence), bool))
    above = reliability_figure({"ldpf": curve}).axes[0]
    assert above.lines[1].get_xdata().tolist() == pytest.approx([85.0])
    for low, high in (above.get_xlim(), above.get_ylim()):  # markers at 0 and 100 are whole
        assert low < 0 and high > 100
    assert above.get_legend().get_texts()[0].get_text().startswith("ldpf (error ")
