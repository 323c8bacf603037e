from __future__ import annotations

import pytest
import torch

from ldpf.errors import DataError, SettingsError
from ldpf.expectation import measure_expectation
from ldpf.expectation.estimators.base import ESTIMATORS
from ldpf.expectation.expectation import CAUTION, SITE_PHOTOS
from ldpf.expectation.site_estimate import DEFAULT_ESTIMATOR, class_shares, known_sites
from ldpf.expectation.site_sets import site_sets
from ldpf.heads.gda import GaussianDiscriminant
from ldpf.methods import make_method
from ldpf.methods.left_out import left_out_classifiers


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(20, seed=0, noise=0.4), make_features(8, seed=1, noise=0.4)


@pytest.fixture(scope="module")
def method():
    return make_method("gda-balanced")


@pytest.fixture(scope="module")
def classifier(method, data, tiny_clip):
    fitted = method.fit(*data, tiny_clip)
    return fitted.with_expectation(measure_expectation(method, fitted, *data, tiny_clip))


@pytest.fixture(scope="module")
def photos(make_features):
    return make_features(40, seed=5, noise=0.4)


def test_every_estimator_answers_and_the_default_is_the_estimate(classifier, photos):
    estimate = classifier.expectation.estimate(classifier, photos.features)
    assert list(estimate.by_estimator) == list(ESTIMATORS)
    assert estimate.accuracy == estimate.by_estimator[DEFAULT_ESTIMATOR]
    assert 0 <= estimate.low <= estimate.accuracy <= estimate.high <= 1
    assert estimate.n == len(photos)
    assert f"{estimate.accuracy:.0%}" in str(estimate)


def test_errors_are_those_of_a_known_site_that_the_estimator_was_not_fitted_to(
    classifier, method, data, tiny_clip
):
    left_out = left_out_classifiers(method, classifier, *data, tiny_clip)
    sites = known_sites(left_out, classifier.expectation.temperature)
    errors = classifier.expectation.site_estimator.errors
    assert len(errors) == len(sites) == 3
    fitted = ESTIMATORS.make(DEFAULT_ESTIMATOR).fit(sites[1:])
    assert errors[0] == pytest.approx(fitted.estimate(sites[0].answers) - sites[0].accuracy)


def test_the_interval_is_wider_for_few_photos_and_never_less_than_the_errors(classifier):
    estimator = classifier.expectation.site_estimator
    few, many = (estimator.reach(0.7, n) for n in (10, 10_000))
    assert few > many > (sum(e**2 for e in estimator.errors) / 3) ** 0.5
    assert estimator.reach(1.0, 20) > estimator.reach(1.0, 2000)


def test_the_second_model_of_a_fold_has_not_seen_it(method, classifier, data, tiny_clip):
    left_out = left_out_classifiers(method, classifier, *data, tiny_clip)
    item, site = left_out[0], known_sites(left_out, 1.0)[0]
    fold = item.fold
    alone = GaussianDiscriminant().fit(fold.train.features, fold.train.labels, n_classes=3)
    assert torch.allclose(site.answers.second_logits, alone.logits(fold.judged.features))
    assert torch.equal(site.labels, fold.judged.labels)
    assert torch.allclose(site.answers.shares, class_shares(fold.train.labels, 3))


def test_no_photos_have_no_accuracy(classifier):
    with pytest.raises(DataError, match="n_photos=0"):
        classifier.expectation.estimate(classifier, torch.empty(0, 16))


def test_without_latent_domains_held_out_images_serve_and_the_interval_is_everything(
    method, make_features, tiny_clip, photos
):
    few = make_features(2, seed=0, n_domains=1), make_features(8, seed=1, n_domains=1)
    classifier = method.fit(*few, tiny_clip)
    expectation = measure_expectation(method, classifier, *few, tiny_clip)
    estimate = expectation.estimate(classifier, photos.features)
    assert (estimate.low, estimate.high) == (0.0, 1.0)
    mean = estimate.by_estimator["left-out-mean"]
    assert mean == pytest.approx(expectation.held_out.accuracy)
    assert "site" not in expectation.calibrations
    probabilities = expectation.probabilities(classifier.logits(photos.features))
    expected = expectation.sets(probabilities, 0.9, "held-out")
    assert torch.equal(expectation.sets(probabilities, 0.9), expected)
    with pytest.raises(SettingsError, match="calibration='site' should be one of held-out"):
        expectation.sets(probabilities, 0.9, "site")


def test_many_photos_calibrate_their_own_sets_and_few_do_not(classifier, photos):
    expectation = classifier.expectation
    probabilities = classifier.probabilities(photos.features)
    site = expectation.sets(probabilities, 0.9, "site")
    assert torch.equal(expectation.sets(probabilities, 0.9), site)
    few = probabilities[: SITE_PHOTOS - 1]
    expected = expectation.sets(few, 0.9, "worst-domain")
    assert torch.equal(expectation.sets(few, 0.9), expected)
    assert not torch.equal(site[: SITE_PHOTOS - 1], expected)
    covered = float(site.gather(1, photos.labels[:, None]).double().mean())
    assert 0.8 < covered <= 1


def test_probabilities_of_a_site_are_as_sure_as_its_estimated_accuracy(classifier, photos):
    expectation = classifier.expectation
    probabilities = classifier.probabilities(photos.features)
    own = expectation.site_probabilities(probabilities)
    estimate = expectation.site_estimator.accuracy(probabilities)
    assert float(own.max(dim=1).values.mean()) == pytest.approx(estimate, abs=0.01)
    assert torch.equal(own.argsort(dim=1), probabilities.argsort(dim=1))


def test_sets_of_a_site_are_made_for_a_somewhat_lower_accuracy(classifier, photos):
    expectation = classifier.expectation
    probabilities = classifier.probabilities(photos.features)
    estimator = expectation.site_estimator
    assert estimator.usual_error > 0
    careful = estimator.accuracy(probabilities) - CAUTION * estimator.usual_error
    expected = site_sets(probabilities, 0.9, careful)
    assert torch.equal(expectation.sets(probabilities, 0.9, "site"), expected)
    bold = site_sets(probabilities, 0.9, estimator.accuracy(probabilities))
    assert (expected | ~bold).all()


def test_the_estimate_for_sets_is_that_of_the_default_estimator(classifier, photos):
    estimate = classifier.expectation.estimate(classifier, photos.features)
    probabilities = classifier.probabilities(photos.features)
    accuracy = classifier.expectation.site_estimator.accuracy(probabilities)
    assert accuracy == pytest.approx(estimate.accuracy, abs=0.01)
