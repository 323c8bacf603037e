from __future__ import annotations

import numpy as np
import pytest

from ldpf.evaluation.calibration import reliability


def test_answers_as_often_right_as_they_are_sure_have_no_error():
    confidence = np.full(10, 0.8)
    right = np.array([True] * 8 + [False] * 2)
    assert reliability(confidence, right).error == pytest.approx(0.0)


def test_sure_and_wrong_is_the_largest_error():
    assert reliability(np.ones(4), np.zeros(4, bool)).error == pytest.approx(1.0)


def test_bins_count_by_their_images():
    confidence = np.array([0.55, 0.55, 0.55, 0.95])
    right = np.array([True, True, True, False])
    found = reliability(confidence, right)
    assert found.count.tolist() == [0, 0, 0, 0, 0, 3, 0, 0, 0, 1]
    assert found.error == pytest.approx((3 * 0.45 + 0.95) / 4)


def test_a_border_belongs_to_the_bin_below_and_zero_to_the_first():
    found = reliability(np.array([0.0, 0.5, 1.0]), np.ones(3, bool), bins=2)
    assert found.count.tolist() == [2, 1]
    assert np.isnan(reliability(np.array([1.0]), np.ones(1, bool), bins=2).accuracy[0])
