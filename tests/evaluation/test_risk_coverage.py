from __future__ import annotations

import numpy as np
import pytest

from ldpf.evaluation.risk_coverage import risk_coverage


def test_the_curve_of_four_answers():
    curve = risk_coverage(np.array([0.9, 0.5, 0.7, 0.6]), np.array([True, False, True, False]))
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve.risk == pytest.approx([0, 0, 1 / 3, 1 / 2])
    assert curve.area == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert curve.at(0.6) == pytest.approx(1 / 3)


def test_all_answers_have_the_error_rate():
    draws = np.random.default_rng(0)
    right = draws.random(50) < 0.7
    assert risk_coverage(draws.random(50), right).risk[-1] == pytest.approx(1 - right.mean())


def test_confidence_that_says_nothing_has_the_error_rate_as_its_area():
    right = np.arange(10) < 7
    curve = risk_coverage(np.full(10, 0.5), right)
    assert curve.coverage.tolist() == [1.0] and curve.area == pytest.approx(0.3)


def test_images_of_the_same_confidence_may_come_in_any_order():
    confidence = np.array([0.9, 0.9, 0.5, 0.5, 0.5])
    right = np.array([True, False, True, False, False])
    area = risk_coverage(confidence, right).area
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(5)
        assert risk_coverage(confidence[order], right[order]).area == pytest.approx(area)


def test_confidence_that_knows_its_errors_has_the_smallest_area():
    right = np.array([True] * 6 + [False] * 4)
    best = risk_coverage(right.astype(float), right).area
    for seed in range(5):
        assert risk_coverage(np.random.default_rng(seed).random(10), right).area >= best
