"""Prediction sets: what they cover where images are alike, and what they hold."""

from __future__ import annotations

import math

import pytest
import torch

from ldpf.errors import SettingsError
from ldpf.expectation.conformal import (
    CALIBRATIONS,
    MOST,
    SCORES,
    ConformalSets,
    aps_scores,
    conformal_threshold,
    lac_scores,
    raps_scores,
    thinned,
)


def drawn(n, seed, sharpness=2.0, classes=5):
    """Probabilities [n, classes] and labels drawn from them."""
    draws = torch.Generator().manual_seed(seed)
    probabilities = (sharpness * torch.randn(n, classes, generator=draws)).softmax(dim=1)
    return probabilities, torch.multinomial(probabilities, 1, generator=draws)[:, 0]


def with_groups(n, seed, groups=3):
    probabilities, labels = drawn(n, seed)
    return probabilities, labels, torch.arange(n) % groups


def covered(sets, labels):
    return float(sets.gather(1, labels[:, None]).double().mean())


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("calibration", ["held-out", "left-out"])
@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_sets_cover_as_many_images_as_they_say_where_images_are_alike(score, calibration, coverage):
    shares = []
    for seed in range(60):
        conformal = ConformalSets.measure(drawn(99, seed), with_groups(99, seed + 1000), score)
        probabilities, labels = drawn(200, seed + 2000)
        sets = conformal.sets(probabilities, coverage, calibration)
        shares.append(covered(sets, labels))
    mean = sum(shares) / len(shares)
    # Between c and c + 1 / (n + 1) on average; above where whole classes are added to a set.
    error = 3 * float(torch.tensor(shares).std()) / math.sqrt(len(shares))
    assert mean > coverage - error
    if score == "lac":
        assert mean < coverage + 1 / 100 + error


@pytest.mark.parametrize("score", SCORES)
def test_a_set_always_holds_the_answer(score):
    conformal = ConformalSets.measure(drawn(50, 0), with_groups(50, 1), score)
    probabilities, _ = drawn(100, 2)
    sets = conformal.sets(probabilities, 0.05)
    assert sets.gather(1, probabilities.argmax(dim=1, keepdim=True)).all()


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_a_higher_coverage_only_adds_classes(score, calibration):
    conformal = ConformalSets.measure(drawn(200, 0), with_groups(200, 1), score)
    probabilities, _ = drawn(100, 2)
    smaller, larger = (conformal.sets(probabilities, c, calibration) for c in (0.7, 0.9))
    assert (larger | ~smaller).all() and larger.sum() > smaller.sum()


def test_the_worst_latent_domain_gives_the_largest_sets():
    probabilities, labels, groups = with_groups(300, 0)
    labels = torch.where(groups == 1, probabilities.argmin(dim=1), labels)
    conformal = ConformalSets.measure(drawn(300, 1), (probabilities, labels, groups))
    new, _ = drawn(100, 2)
    sizes = {c: int(conformal.sets(new, 0.8, c).sum()) for c in CALIBRATIONS}
    assert sizes["worst-domain"] > sizes["left-out"] > sizes["held-out"]
    alone = ConformalSets((), (conformal.by_domain[1],), conformal.score)
    assert torch.equal(
        conformal.sets(new, 0.8, "worst-domain"), alone.sets(new, 0.8, "worst-domain")
    )


def test_scores_of_an_example():
    probabilities = torch.tensor([[0.2, 0.5, 0.3]], dtype=torch.float64)
    assert torch.allclose(lac_scores(probabilities), 1 - probabilities)
    aps = torch.tensor([[1.0, 0.5, 0.8]], dtype=torch.float64)
    assert torch.allclose(aps_scores(probabilities), aps)
    # One class beyond the first two: a penalty of 0.1.
    assert torch.allclose(raps_scores(probabilities), aps + torch.tensor([[0.1, 0.0, 0.0]]))


@pytest.mark.parametrize("score", ["aps", "raps"])
def test_classes_as_probable_as_each_other_count_in_the_order_of_their_ids(score):
    scores = SCORES[score](torch.full((3, 40), 1 / 40, dtype=torch.float64))
    assert torch.equal(scores[0], scores[2])
    assert (scores[0].diff() > 0).all()


def test_one_image_has_the_set_that_it_has_among_others():
    conformal = ConformalSets.measure(drawn(50, 0), with_groups(50, 1), "aps")
    probabilities, _ = drawn(20, 2)
    together = conformal.sets(probabilities, 0.9)
    alone = torch.cat([conformal.sets(image[None], 0.9) for image in probabilities])
    assert torch.equal(alone, together)


def test_the_threshold_is_an_order_statistic_and_infinite_for_too_few_images():
    scores = torch.arange(1.0, 20.0)  # 19
    assert conformal_threshold(scores, 0.9) == 18.0
    assert conformal_threshold(scores, 0.95) == 19.0
    assert conformal_threshold(scores, 0.96) == math.inf
    assert conformal_threshold(scores[:0], 0.5) == math.inf


def test_many_scores_are_thinned_and_thresholds_hardly_move_and_never_down():
    scores = torch.rand(50_000, generator=torch.Generator().manual_seed(0)).double()
    few, ordered = thinned(scores), scores.sort().values
    assert len(few) == MOST
    for coverage in (0.5, 0.9, 0.99):
        moved = conformal_threshold(few, coverage) - conformal_threshold(ordered, coverage)
        assert -1e-9 <= moved < 1e-3


def test_held_out_images_serve_where_no_latent_domain_was_left_out():
    nothing = torch.empty(0, 5), torch.empty(0, dtype=torch.int64), torch.empty(0)
    conformal = ConformalSets.measure(drawn(50, 0), nothing)
    assert conformal.calibrations == ["held-out"]
    probabilities, _ = drawn(20, 1)
    expected = conformal.sets(probabilities, 0.9, "held-out")
    assert torch.equal(conformal.sets(probabilities, 0.9), expected)
    with pytest.raises(SettingsError, match="'worst-domain' should be one of held-out"):
        conformal.sets(probabilities, 0.9, "worst-domain")


@pytest.mark.parametrize("coverage", [0, 1, 1.5, -0.1, float("nan"), "0.9", True])
def test_a_coverage_that_cannot_be_is_refused(coverage):
    conformal = ConformalSets.measure(drawn(50, 0), with_groups(50, 1))
    with pytest.raises(SettingsError, match="coverage="):
        conformal.sets(drawn(3, 2)[0], coverage)


def test_without_any_calibration_images_there_are_no_sets():
    conformal = ConformalSets(torch.empty(0), ())
    with pytest.raises(SettingsError, match="Train with more images"):
        conformal.sets(drawn(3, 2)[0], 0.9)
