from __future__ import annotations

import itertools

import numpy as np
import pytest

from ldpf.errors import SettingsError
from ldpf.evaluation.bootstrap import compare

RNG = np.random.default_rng(0)


def right(share: float, n: int = 400) -> np.ndarray:
    return RNG.random(n) < share


def runs(share: float, targets: str = "ab", seeds: int = 3) -> dict:
    return {(t, s): right(share) for t in targets for s in range(seeds)}


def test_the_difference_is_that_of_the_mean_accuracies():
    one, two = runs(0.7), runs(0.5)
    expected = np.mean([one[k].mean() - two[k].mean() for k in one])
    assert compare(one, two, "ab").difference == pytest.approx(expected)


def test_a_large_difference_is_clear_and_none_is_not():
    assert compare(runs(0.8), runs(0.5), "ab").clear
    same = runs(0.6)
    found = compare(same, same, "ab")
    assert (found.difference, found.low, found.high) == (0, 0, 0)
    assert not found.clear


def test_swapping_the_two_turns_the_interval_around():
    one, two = runs(0.6), runs(0.5)
    found, turned = compare(one, two, "ab"), compare(two, one, "ab")
    assert turned.difference == pytest.approx(-found.difference)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low), abs=0.005)


def test_the_interval_is_that_of_drawing_images_and_seeds_one_by_one():
    one, two = runs(0.6, seeds=2), runs(0.5, seeds=2)
    found = compare(one, two, "ab", draws=20_000)
    rng, means = np.random.default_rng(1), []
    for _ in range(4000):
        seeds = rng.integers(0, 2, 2)
        total = 0.0
        for target in "ab":
            images = rng.integers(0, 400, 400)
            for seed in seeds:
                key = (target, seed)
                total += (one[key][images].mean() - two[key][images].mean()) / 4
        means.append(total)
    assert (found.low, found.high) == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.006)


def test_more_images_make_it_narrower():
    def width(n):
        one, two = ({("a", 0): right(share, n)} for share in (0.6, 0.5))
        found = compare(one, two, "a")
        return found.high - found.low

    assert width(10_000) < width(100) / 5


def test_seeds_that_disagree_make_it_wider():
    base = {("a", s): np.zeros(2000, bool) for s in range(3)}
    agree = {("a", s): right(0.5, 2000) for s in range(3)}
    disagree = {("a", s): right(share, 2000) for s, share in enumerate((0.2, 0.5, 0.8))}
    widths = [f.high - f.low for f in (compare(m, base, "a") for m in (agree, disagree))]
    assert widths[1] > 5 * widths[0]


def test_pairing_counts_only_images_on_which_the_two_differ():
    shared = {("a", 0): right(0.5)}
    nearly = {("a", 0): shared["a", 0] ^ (np.arange(400) < 8)}
    independent = {("a", 0): right(0.5)}
    widths = [
        found.high - found.low for found in (compare(m, shared, "a") for m in (nearly, independent))
    ]
    assert widths[0] < widths[1] / 3


def test_only_seeds_that_both_have_on_every_target_count():
    one, two = runs(0.6, seeds=3), runs(0.5, seeds=3)
    del two["b", 1]
    assert compare(one, two, "ab").seeds == 2
    assert compare(one, two, "a").seeds == 3
    assert compare(one, {}, "ab") is None


def test_the_same_seed_gives_the_same_interval():
    one, two = runs(0.6), runs(0.5)
    assert compare(one, two, "ab", draws=100) == compare(one, two, "ab", draws=100)


def test_other_test_images_are_refused():
    with pytest.raises(SettingsError) as caught:
        compare({("a", 0): right(0.5, 10)}, {("a", 0): right(0.5, 11)}, "a")
    assert str(caught.value) == (
        "On target 'a', seed 0, one method was tested on 10 images and the other on 11; compare "
        "runs on the same data."
    )


def test_a_kind_of_image_is_a_pattern_over_seeds():
    patterns = np.array(list(itertools.product([False, True], repeat=2))).T  # [2 seeds, 4 images]
    one = {("a", s): patterns[s] for s in range(2)}
    two = {("a", s): np.zeros(4, bool) for s in range(2)}
    assert compare(one, two, "a").difference == pytest.approx(0.5)
