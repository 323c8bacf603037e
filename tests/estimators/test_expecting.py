"""What a fitted estimator says beside its answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from ldpf.errors import ModelError, SettingsError
from ldpf.estimators.classifier import LDPFClassifier
from ldpf.expectation.odd_pictures import odd_pictures


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(12, noise=0.4), make_features(8, seed=1, noise=0.4)


def words(features):
    return np.array([features.class_names[i] for i in features.labels])


@pytest.fixture(scope="module")
def fitted(data, tiny_clip):
    model = LDPFClassifier(tiny_clip, method="linear-probe-balanced")
    return model.fit(data[0].features, words(data[0]))


def test_probabilities_are_calibrated(fitted, data):
    features = data[1].features
    logits = fitted.classifier_.logits(torch.nn.functional.normalize(features, dim=1))
    expected = (logits / fitted.expectation_.temperature).softmax(dim=1)
    assert fitted.expectation_.temperature != 1
    assert np.allclose(fitted.predict_proba(features), expected, atol=1e-6)


def test_sets_are_those_of_the_calibration_and_hold_the_answer(fitted, data):
    features = data[1].features[:20]
    sets = fitted.predict_sets(features, 0.8, "left-out")
    probabilities = torch.from_numpy(fitted.predict_proba(features))
    expected = fitted.expectation_.sets(probabilities, 0.8, "left-out")
    assert (sets == expected.numpy()).all()
    answers = fitted.predict(features)
    assert all(fitted.classes_[row.argmax()] in fitted.classes_[row] for row in sets)
    assert sets[np.arange(20), np.searchsorted(fitted.classes_, answers)].all()
    larger = fitted.predict_sets(features, np.float64(0.99), "left-out")
    assert larger.sum() > sets.sum()


def test_a_coverage_that_cannot_be_is_refused(fitted, data):
    with pytest.raises(SettingsError, match=r"coverage=1\.5 should be a number between 0 and 1"):
        fitted.predict_sets(data[1].features, 1.5)


def test_pictures_of_nothing_are_outside(fitted):
    pictures = [picture.convert("RGB") for picture in odd_pictures(2, seed=5)]
    outside = fitted.outside(pictures)
    assert outside.shape == (len(pictures),) and outside.mean() > 0.8


def test_training_images_are_not(fitted, data):
    assert fitted.outside(data[0].features).mean() < 0.05


def test_the_accuracy_of_a_site_is_estimated(fitted, data):
    features = torch.nn.functional.normalize(data[1].features, dim=1)
    estimate = fitted.expect(data[1].features)
    expected = fitted.expectation_.estimate(fitted.classifier_, features)
    assert estimate.accuracy == pytest.approx(expected.accuracy)
    assert estimate.n == len(features)


def test_it_is_kept_in_the_model_folder(fitted, data, tiny_clip, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = LDPFClassifier.load(tmp_path / "model", tiny_clip)
    features = data[1].features
    assert (loaded.predict_sets(features) == fitted.predict_sets(features)).all()
    assert loaded.expect(features) == fitted.expect(features)


@pytest.mark.parametrize("call", ["predict_sets", "outside", "expect"])
def test_without_it_nothing_is_said(call, data, tiny_clip):
    model = LDPFClassifier(tiny_clip, method="gda", expectation=False)
    with pytest.raises(NotFittedError):
        getattr(model, call)(data[1].features)
    model.fit(data[0].features, words(data[0]))
    assert model.expectation_ is None
    with pytest.raises(ModelError, match="fitted with expectation=False"):
        getattr(model, call)(data[1].features)
