"""What `LDPFClassifier` refuses, and the sentence."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from ldpf.errors import BackboneError, DataError, SettingsError
from ldpf.estimators.classifier import LDPFClassifier


@pytest.mark.parametrize("call", ["predict", "predict_proba", "domain_weights"])
def test_nothing_is_predicted_before_fit(call, estimator, data):
    with pytest.raises(NotFittedError) as caught:
        getattr(estimator, call)(data[0].features)
    assert str(caught.value) == (
        "This LDPFClassifier is not fitted yet; call fit(images, labels) or "
        "LDPFClassifier.load(folder) first."
    )


def test_nothing_is_saved_before_fit(estimator, tmp_path):
    with pytest.raises(NotFittedError):
        estimator.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_images_and_labels_must_be_equally_many(estimator, refusal):
    message = refusal(estimator, np.ones((5, 16)), ["cat", "dog"])
    assert message == "n_images=5 should be n_labels=2."


def test_a_single_image_is_refused_before_it_is_counted(estimator, refusal):
    assert refusal(estimator, "cat.jpg", ["cat"]) == (
        "A single str was given; give a list, even of one: ['cat.jpg']."
    )


def test_one_class_is_refused(estimator, refusal):
    assert refusal(estimator, np.ones((3, 16)), ["cat"] * 3) == (
        "n_classes=1 should be at least 2; y holds only one class, ['cat']."
    )


def test_a_table_of_labels_is_refused(estimator, refusal):
    assert refusal(estimator, np.ones((3, 16)), np.eye(3)) == (
        "y should be one label per image; got shape (3, 3); of one-hot rows give y.argmax(axis=1)."
    )


def test_labels_without_a_name_are_counted(estimator, refusal):
    estimator.set_params(class_names={"a": "cat"})
    assert refusal(estimator, np.ones((3, 16)), ["a", "b", "c"], SettingsError) == (
        "class_names has no entry for the label 'b' (2 missing); add it."
    )


def test_a_list_of_names_of_another_length_is_refused(estimator, refusal):
    estimator.set_params(class_names=["cat"])
    assert refusal(estimator, np.ones((3, 16)), ["a", "b", "c"], SettingsError) == (
        "class_names has 1 names but y holds 3 classes."
    )


def test_classes_of_the_same_name_are_refused(estimator, refusal):
    estimator.set_params(class_names={"a": "cat", "b": "cat", "c": "dog"})
    assert refusal(estimator, np.ones((3, 16)), ["a", "b", "c"], SettingsError) == (
        "the labels 'a' and 'b' would both be called 'cat'; no prompt can tell them apart: give "
        "them different names in class_names"
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"n_domains": 0}, "n_domains=0 should be a whole number of at least 1"),
        ({"tau": 0.0}, "tau=0.0 should be a finite number above 0"),
        ({"stages": "both"}, "stages='both' should be one of alternating, sequential, joint."),
        ({"train_fraction": 1.0}, "train_fraction=1.0 should be"),
        ({"random_state": -1}, "seed=-1 should be"),
    ],
)
def test_parameters_out_of_range_are_refused(change, sentence, estimator, data, words, refusal):
    estimator.set_params(**change)
    message = refusal(estimator, data[0].features, words(data[0]), SettingsError)
    assert message.startswith(sentence)


def test_an_unknown_recipe_is_refused(estimator, data, monkeypatch, words, refusal):
    estimator.set_params(recipe="quick")
    message = refusal(estimator, data[0].features, words(data[0]), SettingsError)
    assert message == "There is no recipe 'quick'; choose from steady, fast, paper."


def test_an_unknown_backbone_is_refused(data, words, refusal):
    model = LDPFClassifier("nanno")
    assert "Did you mean 'nano'?" in refusal(model, data[0].features, words(data[0]), BackboneError)


def test_features_of_another_backbone_are_refused_in_prediction(fitted):
    with pytest.raises(DataError, match=r"X has 8 features, but .* 16"):
        fitted.predict(np.ones((2, 8)))


@pytest.mark.parametrize("images", [None, 7, {"a": 1}, (path for path in "ab")])
def test_what_is_no_sequence_of_images_is_refused(images, estimator, refusal):
    message = refusal(estimator, images, ["cat", "dog"])
    assert message.startswith(f"Inputs of type {type(images).__name__} are not understood; give ")
