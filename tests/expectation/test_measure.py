"""What is measured of a trained classifier."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ldpf.expectation import measure_expectation
from ldpf.expectation.odd_pictures import odd_features
from ldpf.methods import make_method
from ldpf.methods.left_out import left_out_answers
from ldpf.models.saving import load_model, save_model
from ldpf.models.temperature import fit_temperature


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(20, seed=0, noise=0.4), make_features(8, seed=1, noise=0.4)


@pytest.fixture(scope="module")
def trained(data, tiny_clip):
    method = make_method("linear-probe-balanced")
    return method, method.fit(*data, tiny_clip)


@pytest.fixture(scope="module")
def expectation(trained, data, tiny_clip):
    return measure_expectation(*trained, *data, tiny_clip)


def test_held_out_accuracy_is_that_of_the_classifier_itself(expectation, trained, data):
    validation = data[1]
    assert expectation.held_out.n == len(validation)
    accuracy = trained[1].accuracy(validation.features, validation.labels)
    assert expectation.held_out.accuracy == pytest.approx(accuracy)


def test_a_new_site_is_judged_by_what_has_not_seen_it(expectation, trained, data, tiny_clip):
    answers = left_out_answers(*trained, *data, tiny_clip)
    measured = {d.domain: (d.accuracy, d.n) for d in expectation.new_site.domains}
    assert measured == {
        group: (accuracy, int((answers.groups == group).sum()))
        for group, accuracy in answers.accuracies().items()
    }
    assert expectation.new_site.accuracy < expectation.held_out.accuracy


def test_the_temperature_is_that_of_left_out_answers(expectation, trained, data, tiny_clip):
    answers = left_out_answers(*trained, *data, tiny_clip)
    assert expectation.temperature == fit_temperature(answers.logits, answers.labels)
    validation = data[1]
    own = fit_temperature(trained[1].logits(validation.features), validation.labels)
    assert expectation.temperature > own


def test_a_classifier_with_it_gives_calibrated_probabilities(expectation, trained, data):
    features, plain = data[1].features, trained[1]
    kept = plain.with_expectation(expectation)
    expected = (plain.logits(features) / expectation.temperature).softmax(dim=1)
    assert torch.equal(kept.probabilities(features), expected)
    assert torch.equal(kept.logits(features), plain.logits(features))
    assert plain.expectation is None


def test_a_changed_classifier_has_none(expectation, trained):
    kept = trained[1].with_expectation(expectation)
    assert replace(kept, bias=kept.bias + 1).expectation is None


def test_the_same_seed_measures_the_same(expectation, trained, data, tiny_clip):
    again = measure_expectation(*trained, *data, tiny_clip)
    assert again.to_json() | {"seconds": 0} == expectation.to_json() | {"seconds": 0}
    for name, tensor in again.tensors().items():
        assert torch.equal(tensor, expectation.tensors()[name])


def test_one_latent_domain_leaves_held_out_images(trained, make_features, tiny_clip):
    few = make_features(2, seed=0, n_domains=1), make_features(4, seed=1, n_domains=1)
    method = trained[0]
    classifier = method.fit(*few, tiny_clip)
    expectation = measure_expectation(method, classifier, *few, tiny_clip)
    assert expectation.new_site is None
    logits = classifier.logits(few[1].features)
    assert expectation.temperature == fit_temperature(logits, few[1].labels)
    assert expectation.conformal.calibrations == ["held-out"]


def test_no_held_out_images_are_needed(trained, data, tiny_clip):
    method, classifier = trained
    expectation = measure_expectation(method, classifier, data[0], data[1].subset([]), tiny_clip)
    assert expectation.held_out is None and expectation.new_site is not None
    assert "held-out" not in expectation.conformal.calibrations


def test_a_model_folder_keeps_it(expectation, trained, data, tiny_clip, tmp_path):
    kept = trained[1].with_expectation(expectation)
    loaded, _ = load_model(save_model(kept, tiny_clip, tmp_path), tiny_clip)
    assert loaded.expectation.to_json() == expectation.to_json()
    probabilities = kept.probabilities(data[1].features)
    assert torch.equal(loaded.probabilities(data[1].features), probabilities)
    images = data[1].features
    for own, known in zip(
        loaded.expectation.outside(images), expectation.outside(images), strict=True
    ):
        assert torch.equal(own, known)
    for calibration in expectation.conformal.calibrations:
        sets = expectation.sets(probabilities, 0.9, calibration)
        assert torch.equal(loaded.expectation.sets(probabilities, 0.9, calibration), sets)


def test_few_of_its_own_images_are_outside_and_pictures_of_nothing_are(
    expectation, data, tiny_clip
):
    scores, flags = expectation.outside(data[1].features)
    assert torch.equal(flags, scores > 0) and flags.double().mean() < 0.05
    assert expectation.outside(odd_features(tiny_clip))[1].all()
