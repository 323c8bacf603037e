"""`LDPFClassifier` from Python: parameters, fitting, answers, saving."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.utils.validation import check_is_fitted

from ldpf.data import from_arrays
from ldpf.domains import DiscoverySettings
from ldpf.errors import ModelError
from ldpf.estimators.classifier import LDPFClassifier
from ldpf.methods import LDPF, CoOp
from ldpf.models.saving import save_model
from ldpf.training.recipe import RECIPES

pytestmark = pytest.mark.usefixtures("short_training")


# --- what it shows ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["paths", "pictures", "set"])
def test_verbose_shows_how_far_it_has_come(
    kind, estimator, tmp_path, write_image, capsys, monkeypatch
):
    monkeypatch.setattr("ldpf.utils.progress.LINE_EVERY_SECONDS", 0)
    files = [write_image(tmp_path / f"{i}.png", seed=i) for i in range(8)]
    labels = ["cat", "dog"] * 4
    pixels = [np.asarray(Image.open(file)) for file in files]
    images = {"paths": files, "pictures": pixels, "set": from_arrays(pixels, labels)}[kind]
    shown = []
    for verbose in (False, True):
        model = clone(estimator).set_params(verbose=verbose, backbone=estimator.backbone)
        model.fit(images, None if kind == "set" else labels).predict(images)
        shown.append(capsys.readouterr().err)
    assert shown[0] == ""
    assert shown[1].count("encoding images: 8 of 8 (100%)") == 2  # fit and predict
    assert "training ldpf on 6 images, 2 held out" in shown[1]
    assert shown[1].rstrip().rpartition("\n")[0].count("validation accuracy ") >= 1


# --- scikit-learn's conventions ---------------------------------------------------------------


def test_parameters_are_stored_untouched(tiny_clip):
    names = {"a": "cat", "b": "dog"}
    model = LDPFClassifier(tiny_clip, 5, tau="odd", class_names=names)
    params = model.get_params()
    assert params["backbone"] is tiny_clip and params["class_names"] is names
    assert (params["n_domains"], params["tau"]) == (5, "odd")  # checked in fit, not before
    assert len(params) == 18


def test_parameters_can_be_set(estimator):
    assert estimator.set_params(n_domains=2, tau=0.5) is estimator
    assert (estimator.n_domains, estimator.tau) == (2, 0.5)
    with pytest.raises(ValueError, match="n_domain"):
        estimator.set_params(n_domain=2)


def test_a_clone_is_unfitted_and_has_the_same_parameters(fitted):
    copy = clone(fitted)
    assert not hasattr(copy, "classifier_")
    assert copy.backbone.fingerprint == fitted.backbone.fingerprint
    params, own = copy.get_params(), fitted.get_params()
    assert {k: v for k, v in params.items() if k != "backbone"} == {
        k: v for k, v in own.items() if k != "backbone"
    }


def test_a_clone_shares_the_frozen_backbone(fitted):
    # A copy of it for each of a grid search's candidates would fill the memory.
    assert clone(fitted).backbone is fitted.backbone


def test_it_can_be_printed_and_checked(fitted, estimator):
    assert repr(LDPFClassifier(n_domains=5)) == "LDPFClassifier(n_domains=5)"
    check_is_fitted(fitted)
    with pytest.raises(NotFittedError):
        check_is_fitted(estimator)


@pytest.mark.slow
def test_it_can_be_cross_validated(estimator, data, words):
    scores = cross_val_score(estimator, data[0].features.numpy(), words(data[0]), cv=2)
    assert len(scores) == 2 and (scores > 0.4).all()


@pytest.mark.slow
def test_fit_leaves_the_parameters_alone(data, estimator, words):
    before = estimator.get_params()
    assert estimator.fit(data[0].features, words(data[0])) is estimator
    after = estimator.get_params()
    assert all(after[name] is value for name, value in before.items())


# --- fitting ----------------------------------------------------------------------------------


def test_it_learns_what_it_is_shown(fitted, data, words):
    assert fitted.score(data[0].features, words(data[0])) > 0.6


def test_fitted_attributes_have_their_shapes(fitted, data):
    features = data[1].features
    assert fitted.classes_.tolist() == ["cat", "dog", "horse"]
    assert fitted.n_features_in_ == 16
    assert 0 <= fitted.validation_accuracy_ <= 1
    assert fitted.predict(features).shape == (36,)
    assert fitted.domain_weights(features).shape == (36, 3)
    probabilities = fitted.predict_proba(features)
    assert probabilities.shape == (36, 3)
    assert np.allclose(probabilities.sum(axis=1), 1)


def test_the_prediction_is_the_most_probable_class(fitted, data):
    features = data[1].features
    expected = fitted.classes_[fitted.predict_proba(features).argmax(axis=1)]
    assert (fitted.predict(features) == expected).all()


def test_the_score_is_the_accuracy(fitted, data, words):
    expected = (fitted.predict(data[1].features) == words(data[1])).mean()
    assert fitted.score(data[1].features, words(data[1])) == pytest.approx(expected)


@pytest.mark.slow
def test_it_is_the_method_ldpf_on_a_split_of_the_images(estimator, data, tiny_clip, words):
    from ldpf.data.splits import split_train_validation

    features = torch.nn.functional.normalize(data[0].features, dim=1)  # as `fit` does again
    known = replace(data[0], features=features, domains=None, domain_names=())
    train, validation = split_train_validation(
        known.labels.numpy(), None, train_fraction=0.7, seed=1
    )
    method = LDPF(
        discovery=DiscoverySettings(n_domains=3),
        agnostic_length=2,
        specific_length=2,
        recipe=RECIPES["steady"],
    )
    expected = method.fit(known.subset(train), known.subset(validation), tiny_clip, seed=1)
    fitted = estimator.set_params(random_state=1, train_fraction=0.7)
    fitted.fit(data[0].features, words(data[0]))
    assert torch.equal(fitted.classifier_.contexts, expected.contexts)


@pytest.mark.slow
def test_equal_seeds_give_equal_bits_and_others_do_not(estimator, fitted, data, words):
    again = clone(estimator).fit(data[0].features, words(data[0]))
    other = clone(estimator).set_params(random_state=1).fit(data[0].features, words(data[0]))
    assert torch.equal(again.classifier_.contexts, fitted.classifier_.contexts)
    assert not torch.equal(other.classifier_.contexts, fitted.classifier_.contexts)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameter", "value", "get"),
    [
        ("n_domains", 2, lambda c: c.n_domains),
        ("tau", 0.7, lambda c: c.fusion.tau),
        ("fusion", "nearest", lambda c: c.fusion.registered_name),
        ("agnostic_length", 3, lambda c: c.contexts.shape[1] - 2),
        ("specific_length", 3, lambda c: c.contexts.shape[1] - 2),
    ],
)
def test_parameters_reach_the_method(parameter, value, get, estimator, data, words):
    estimator.set_params(**{parameter: value}).fit(data[0].features, words(data[0]))
    assert get(estimator.classifier_) == value


@pytest.mark.slow
def test_files_images_and_arrays_of_the_same_pictures_fit_the_same(
    tmp_path, write_image, estimator
):
    files = [write_image(tmp_path / f"{i}.png", seed=i) for i in range(12)]
    labels = ["cat", "dog"] * 6
    forms = [
        files,
        [str(file) for file in files],
        [Image.open(file) for file in files],
        np.stack([np.asarray(Image.open(file)) for file in files]),
    ]
    models = [clone(estimator).set_params(n_domains=2).fit(form, labels) for form in forms]
    for model, form in zip(models, forms, strict=True):
        assert torch.allclose(model.classifier_.contexts, models[0].classifier_.contexts, atol=1e-3)
        assert np.allclose(model.predict_proba(form), models[0].predict_proba(files), atol=1e-2)


@pytest.mark.slow
def test_string_labels_are_read_as_words(estimator, data):
    labels = np.array(["alarm_clock", "dog", "zebra-fish"])[data[0].labels]
    estimator.fit(data[0].features, labels)
    assert estimator.classes_.tolist() == ["alarm_clock", "dog", "zebra-fish"]
    assert estimator.classifier_.class_names == ("alarm clock", "dog", "zebra fish")
    assert set(estimator.predict(data[1].features)) <= set(labels)


@pytest.mark.slow
def test_numbers_as_labels_come_back_as_numbers_after_a_warning(estimator, data):
    labels = np.array([30, 10, 20])[data[0].labels]
    with pytest.warns(
        UserWarning, match=r"The labels are numbers \(\[10, 20, 30\], \.\.\.\), which"
    ):
        estimator.fit(data[0].features, labels)
    assert estimator.classes_.tolist() == [10, 20, 30]
    assert estimator.predict(data[1].features).dtype.kind == "i"


@pytest.mark.slow
@pytest.mark.parametrize(
    "names", [{10: "cat", 20: "dog", 30: "horse", 99: "cow"}, ["cat", "dog", "horse"]]
)
def test_class_names_say_what_numbers_mean(names, estimator, data):
    labels = np.array([10, 20, 30])[data[0].labels]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator.set_params(class_names=names).fit(data[0].features, labels)
    assert estimator.classifier_.class_names == ("cat", "dog", "horse")
    assert estimator.classes_.tolist() == [10, 20, 30]


@pytest.mark.slow
def test_a_backbone_is_loaded_by_its_name(tiny_clip_folder, data, words):
    model = LDPFClassifier(str(tiny_clip_folder), agnostic_length=2, specific_length=2)
    model.fit(data[0].features, words(data[0]))
    assert model.backbone == str(tiny_clip_folder)
    assert model.backbone_.embed_dim == 16


# --- saving and loading -----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "labels", [["cat", "dog", "horse"], [3, 1, 2], [-1.0, 1.0, 2.0], [True, False]]
)
def test_a_loaded_model_gives_the_same_answers(labels, estimator, data, tmp_path):
    y = np.array(labels)[data[0].labels % len(labels)]
    names = {label: f"thing {i}" for i, label in enumerate(labels)}
    estimator.set_params(class_names=names, tau=0.3).fit(data[0].features, y)
    estimator.save(tmp_path / "model")
    loaded = LDPFClassifier.load(tmp_path / "model", estimator.backbone_)
    features = data[1].features
    assert np.array_equal(loaded.predict_proba(features), estimator.predict_proba(features))
    assert np.array_equal(loaded.predict(features), estimator.predict(features))
    assert loaded.predict(features).dtype == estimator.predict(features).dtype
    assert loaded.validation_accuracy_ == estimator.validation_accuracy_


@pytest.mark.slow
def test_a_loaded_model_keeps_its_parameters_and_can_be_fitted_again(fitted, data, tmp_path, words):
    fitted.save(tmp_path)
    loaded = LDPFClassifier.load(tmp_path, fitted.backbone_)
    own, params = fitted.get_params(), loaded.get_params()
    for name in set(own) - {"class_names", "device"}:
        assert params[name] == own[name] or name == "backbone", name
    again = clone(loaded).fit(data[0].features, words(data[0]))
    assert torch.equal(again.classifier_.contexts, fitted.classifier_.contexts)


@pytest.mark.slow
def test_class_names_survive_saving(estimator, data, tmp_path):
    labels = np.array([10, 20, 30])[data[0].labels]
    estimator.set_params(class_names={10: "cat", 20: "dog", 30: "horse"})
    estimator.fit(data[0].features, labels).save(tmp_path)
    loaded = LDPFClassifier.load(tmp_path, estimator.backbone_)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # else fitting again would warn of bare numbers
        again = clone(loaded).fit(data[0].features, labels)
    assert again.classifier_.class_names == ("cat", "dog", "horse")
    assert set(again.predict(data[1].features)) <= {10, 20, 30}


def test_a_model_of_the_command_line_is_loaded_with_its_own_settings(data, tiny_clip, tmp_path):
    method = LDPF(
        discovery=DiscoverySettings(n_domains=2),
        fusion="uniform",
        recipe=RECIPES["steady"],
    )
    save_model(method.fit(*data, tiny_clip), tiny_clip, tmp_path, provenance={"data": "demo"})
    loaded = LDPFClassifier.load(tmp_path, tiny_clip)
    assert loaded.classes_.tolist() == ["cat", "dog", "horse"]
    assert (loaded.n_domains, loaded.fusion) == (2, "uniform")
    assert loaded.predict(data[1].features).shape == (36,)


def test_a_model_of_another_method_predicts_too(data, tiny_clip, tmp_path):
    coop = CoOp(recipe=RECIPES["steady"]).fit(*data, tiny_clip)
    save_model(coop, tiny_clip, tmp_path)
    loaded = LDPFClassifier.load(tmp_path, tiny_clip)
    expected = coop.probabilities(data[1].features).double().numpy()
    assert np.allclose(loaded.predict_proba(data[1].features), expected, atol=1e-5)


def test_labels_that_do_not_fit_the_classes_are_refused(fitted, tmp_path):
    fitted.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["provenance"]["labels"].pop()
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError) as caught:
        LDPFClassifier.load(tmp_path, fitted.backbone_)
    assert str(caught.value) == (
        f"The model in {str(tmp_path)!r} names 2 labels for 3 classes; its config.json was changed."
    )


def test_what_was_learned_from_is_told_as_the_command_line_does(fitted, data):
    known = fitted.trained_on_
    assert known["n_images"] == len(data[0]) == known["n_train"] + known["n_validation"]
    assert sum(known["class_counts"].values()) == len(data[0])
    assert (known["seed"], known["train_fraction"], known["domain_names"]) == (0, 0.8, None)
    assert known["method_settings"]["agnostic_length"] == 2


# --- the image engine -------------------------------------------------------------------------
