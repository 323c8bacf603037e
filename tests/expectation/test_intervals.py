from __future__ import annotations

import numpy as np
import pytest

from ldpf.expectation.intervals import new_draw, wilson


def test_wilsons_interval_is_that_of_its_formula():
    # (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n) for 8 of 10.
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_all_right_of_few_images_leaves_much_open():
    low, high = wilson(4, 4)
    assert low == pytest.approx(0.51, abs=0.01) and high == 1.0


@pytest.mark.parametrize("share", [0.05, 0.5, 0.93])
def test_wilsons_interval_holds_the_true_share_as_often_as_it_says(share):
    draws = np.random.default_rng(0).binomial(60, share, 500)
    held = [low <= share <= high for low, high in (wilson(int(k), 60) for k in draws)]
    assert 0.92 < np.mean(held) < 0.985


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 3, 8])
def test_the_next_draw_is_within_as_often_as_the_level_says(n):
    draws = np.random.default_rng(0).normal(0.6, 0.02, (3000, n + 1))
    bounds = [new_draw(row[:-1].tolist(), 0.8) for row in draws]
    held = [low <= row[-1] <= high for row, (low, high) in zip(draws, bounds, strict=True)]
    assert 0.77 < np.mean(held) < 0.83


def test_bounds_stay_shares():
    assert new_draw([0.1, 0.99], 0.95) == (0.0, 1.0)
