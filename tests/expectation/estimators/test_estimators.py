"""What holds for every estimator, and what each of them computes."""

from __future__ import annotations

import json

import pytest
import torch

from ldpf.expectation.estimators.base import (
    ESTIMATORS,
    KnownSite,
    SiteAnswers,
    learned_numbers,
)
from ldpf.expectation.estimators.transport import MOST, assigned_probabilities

K = 4


def site(n, sharpness, seed, temperature=1.0, shares=None, second=None):
    """A site whose answers are calibrated: labels are drawn from the probabilities."""
    draws = torch.Generator().manual_seed(seed)
    logits = sharpness * torch.randn(n, K, generator=draws)
    labels = torch.multinomial((logits / temperature).softmax(dim=1), 1, generator=draws)[:, 0]
    shares = torch.full((K,), 1 / K) if shares is None else shares
    other = logits + torch.randn(n, K, generator=draws) if second is None else second
    return KnownSite(SiteAnswers(logits, other, temperature, shares), labels)


SITES = [site(300, sharpness, seed) for seed, sharpness in enumerate((1.0, 2.0, 3.0))]
FITTED = {name: ESTIMATORS.make(name).fit(SITES) for name in ESTIMATORS}
LEARN_NOTHING = ("confidence", "nuclear-norm", "transport")


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimate_is_a_share_also_of_one_photo(name):
    for n, sharpness in ((1, 0.0), (1, 50.0), (30, 0.0), (30, 50.0)):
        estimate = FITTED[name].estimate(site(n, sharpness, 7).answers)
        assert isinstance(estimate, float) and 0 <= estimate <= 1


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_is_learned_survives_json(name):
    values = json.loads(json.dumps(learned_numbers(FITTED[name])))
    answers = site(50, 1.5, 8).answers
    assert ESTIMATORS.make(name, **values).estimate(answers) == FITTED[name].estimate(answers)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_says_where_it_comes_from(name):
    assert ESTIMATORS.get(name).source


@pytest.mark.parametrize("name", [n for n in ESTIMATORS if n not in LEARN_NOTHING])
def test_the_mean_over_known_sites_is_their_accuracy(name):
    mean = sum(one.accuracy for one in SITES) / len(SITES)
    estimates = [FITTED[name].estimate(one.answers) for one in SITES]
    assert sum(estimates) / len(SITES) == pytest.approx(mean, abs=0.01)


@pytest.mark.parametrize("name", [n for n in ESTIMATORS if n != "left-out-mean"])
def test_a_site_of_sure_answers_is_estimated_higher_than_one_of_unsure_answers(name):
    low, high = (FITTED[name].estimate(site(300, s, 9).answers) for s in (0.7, 4.0))
    assert high > low + 0.1


@pytest.mark.parametrize("name", [n for n in ESTIMATORS if n not in LEARN_NOTHING])
def test_every_known_site_counts_the_same(name):
    many = [SITES[0], site(5, 3.0, 20)]
    half = sum(one.accuracy for one in many) / 2
    fitted = ESTIMATORS.make(name).fit(many)
    estimates = [fitted.estimate(one.answers) for one in many]
    assert sum(estimates) / 2 == pytest.approx(half, abs=0.11)  # of 5 photos, one is a fifth


def test_calibration_is_of_the_temperature():
    answers = site(40, 2.0, 3, temperature=2.5).answers
    assert torch.allclose(
        answers.confidences, (answers.logits.double() / 2.5).softmax(dim=1).max(dim=1).values
    )
    plain = float(answers.logits.double().softmax(dim=1).max(dim=1).values.mean())
    assert FITTED["confidence"].estimate(answers) == pytest.approx(plain)


def test_atc_is_the_share_above_its_threshold():
    answers = site(100, 2.0, 4).answers
    fitted = ESTIMATORS.make("atc", threshold=0.6)
    assert fitted.estimate(answers) == float((answers.confidences > 0.6).double().mean())


def test_doc_moves_with_mean_confidence():
    low, high = (site(200, sharpness, 5).answers for sharpness in (1.5, 2.5))
    moved = FITTED["doc"].estimate(high) - FITTED["doc"].estimate(low)
    assert moved == pytest.approx(float(high.confidences.mean() - low.confidences.mean()))


def test_agreement_moves_with_the_share_of_equal_answers():
    base = site(100, 2.0, 6)
    same = SiteAnswers(base.answers.logits, base.answers.logits, 1.0, base.answers.shares)
    fitted = FITTED["agreement"]
    assert fitted.estimate(same) == pytest.approx(min(fitted.accuracy + 1 - fitted.agreement, 1))
    never = SiteAnswers(base.answers.logits, -base.answers.logits, 1.0, base.answers.shares)
    assert fitted.estimate(never) == pytest.approx(max(fitted.accuracy - fitted.agreement, 0))


def test_nuclear_norm_of_sure_answers_over_all_classes_is_one_and_over_one_class_is_small():
    spread = SiteAnswers(100 * torch.eye(K).repeat(10, 1), torch.zeros(40, K), 1.0, torch.ones(K))
    one = SiteAnswers(100 * torch.eye(K)[:1].repeat(40, 1), torch.zeros(40, K), 1.0, torch.ones(K))
    assert FITTED["nuclear-norm"].estimate(spread) == pytest.approx(1.0)
    assert FITTED["nuclear-norm"].estimate(one) == pytest.approx(K**-0.5)


def certain(classes, n_each):
    """Answers that are sure of the given classes, `n_each` photos each."""
    logits = 20 * torch.eye(K)[torch.tensor(classes).repeat_interleave(n_each)]
    return SiteAnswers(logits, logits, 1.0, torch.full((K,), 1 / K))


def test_without_slack_photos_beyond_a_class_share_go_elsewhere():
    assert (
        float((assigned_probabilities(certain([0, 1, 2, 3], 10), 0.0) > 0.9).double().mean()) == 1
    )
    assigned = assigned_probabilities(certain([0, 1], 20), 0.0)
    assert float((assigned > 0.9).double().mean()) == pytest.approx(0.5)


def test_slack_allows_other_mixtures_and_chance():
    # 40 photos of 4 classes: 10 expected, 15 with slack 0.5, and 4 for chance (sqrt 10).
    assigned = assigned_probabilities(certain([0, 1], 20), 0.5)
    assert int((assigned > 0.9).sum()) == 2 * 19
    # With few photos, all of one class are possible.
    assert (assigned_probabilities(certain([2], 1), 0.5) > 0.9).all()


def test_expected_shares_lie_between_those_of_training_and_equal_ones():
    logits = 20 * torch.eye(K)[torch.zeros(40, dtype=torch.int64)]
    shares = torch.tensor([0.7, 0.1, 0.1, 0.1])
    assigned = assigned_probabilities(SiteAnswers(logits, logits, 1.0, shares), 0.0)
    assert int((assigned > 0.9).sum()) == round(40 * (0.7 + 0.25) / 2)


def test_the_assignment_is_the_best_there_is():
    from itertools import permutations

    draws = torch.Generator().manual_seed(0)
    logits = torch.randn(K, K, generator=draws)
    answers = SiteAnswers(logits, logits, 1.0, torch.full((K,), 1 / K))
    p = answers.probabilities
    best = max(sum(float(p[i, k]) for i, k in enumerate(order)) for order in permutations(range(K)))
    assert float(assigned_probabilities(answers, 0.0).sum()) == pytest.approx(best)


def test_many_photos_are_sampled_evenly():
    answers = site(5 * MOST, 2.0, 11).answers
    assert len(assigned_probabilities(answers, 0.5)) == MOST
    estimate = FITTED["thresholded-transport"].estimate(answers)
    assert estimate == FITTED["thresholded-transport"].estimate(answers)


def test_a_model_that_answers_one_class_is_found_out_by_transport_and_not_by_atc():
    draws = torch.Generator().manual_seed(12)
    logits = torch.randn(200, K, generator=draws)
    logits[:, 0] += 8
    answers = SiteAnswers(logits, logits, 1.0, torch.full((K,), 1 / K))
    assert FITTED["atc"].estimate(answers) > 0.95
    assert FITTED["thresholded-transport"].estimate(answers) < 0.5
