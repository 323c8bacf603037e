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
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.validation import check_is_fitted

from ldpf.data import from_arrays
from ldpf.domains import DiscoverySettings
from ldpf.errors import BackboneError, DataError, ModelError, SettingsError
from ldpf.estimators.classifier import LDPFClassifier
from ldpf.fusion.similarity import Similarity
from ldpf.methods import LDPF, METHODS, CoOp
from ldpf.models.saving import save_model
from ldpf.training.recipe import RECIPES, STEADY

SHORT = replace(STEADY, max_steps=15, learning_rate=0.03)


@pytest.fixture(autouse=True)
def short_training(monkeypatch):
    monkeypatch.setitem(RECIPES, "steady", SHORT)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(6), make_features(4, seed=1)


def needs_domains(name):
    return METHODS.facts(name).get("needs_domains", False)


def words(features):
    return np.array([features.class_names[i] for i in features.labels])


@pytest.fixture
def estimator(tiny_clip):
    return LDPFClassifier(tiny_clip, agnostic_length=2, specific_length=2)


@pytest.fixture(scope="module")
def fitted(data, tiny_clip):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "steady", SHORT)
        model = LDPFClassifier(tiny_clip, agnostic_length=2, specific_length=2)
        return model.fit(data[0].features, words(data[0]))


# --- what it shows ----------------------------------------------------------------------------


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
    assert len(params) == 17


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


def test_it_can_be_cross_validated(estimator, data):
    scores = cross_val_score(estimator, data[0].features.numpy(), words(data[0]), cv=2)
    assert len(scores) == 2 and (scores > 0.4).all()


def test_fit_leaves_the_parameters_alone(data, estimator):
    before = estimator.get_params()
    assert estimator.fit(data[0].features, words(data[0])) is estimator
    after = estimator.get_params()
    assert all(after[name] is value for name, value in before.items())


# --- fitting ----------------------------------------------------------------------------------


def test_it_learns_what_it_is_shown(fitted, data):
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


def test_the_score_is_the_accuracy(fitted, data):
    expected = (fitted.predict(data[1].features) == words(data[1])).mean()
    assert fitted.score(data[1].features, words(data[1])) == pytest.approx(expected)


def test_it_is_the_method_ldpf_on_a_split_of_the_images(estimator, data, tiny_clip):
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
        recipe=SHORT,
    )
    expected = method.fit(known.subset(train), known.subset(validation), tiny_clip, seed=1)
    fitted = estimator.set_params(random_state=1, train_fraction=0.7)
    fitted.fit(data[0].features, words(data[0]))
    assert torch.equal(fitted.classifier_.contexts, expected.contexts)


def test_equal_seeds_give_equal_bits_and_others_do_not(estimator, fitted, data):
    again = clone(estimator).fit(data[0].features, words(data[0]))
    other = clone(estimator).set_params(random_state=1).fit(data[0].features, words(data[0]))
    assert torch.equal(again.classifier_.contexts, fitted.classifier_.contexts)
    assert not torch.equal(other.classifier_.contexts, fitted.classifier_.contexts)


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
def test_parameters_reach_the_method(parameter, value, get, estimator, data):
    estimator.set_params(**{parameter: value}).fit(data[0].features, words(data[0]))
    assert get(estimator.classifier_) == value


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


def test_string_labels_are_read_as_words(estimator, data):
    labels = np.array(["alarm_clock", "dog", "zebra-fish"])[data[0].labels]
    estimator.fit(data[0].features, labels)
    assert estimator.classes_.tolist() == ["alarm_clock", "dog", "zebra-fish"]
    assert estimator.classifier_.class_names == ("alarm clock", "dog", "zebra fish")
    assert set(estimator.predict(data[1].features)) <= set(labels)


def test_numbers_as_labels_come_back_as_numbers_after_a_warning(estimator, data):
    labels = np.array([30, 10, 20])[data[0].labels]
    with pytest.warns(
        UserWarning, match=r"The labels are numbers \(\[10, 20, 30\], \.\.\.\), which"
    ):
        estimator.fit(data[0].features, labels)
    assert estimator.classes_.tolist() == [10, 20, 30]
    assert estimator.predict(data[1].features).dtype.kind == "i"


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


def test_a_backbone_is_loaded_by_its_name(tiny_clip_folder, data):
    model = LDPFClassifier(str(tiny_clip_folder), agnostic_length=2, specific_length=2)
    model.fit(data[0].features, words(data[0]))
    assert model.backbone == str(tiny_clip_folder)
    assert model.backbone_.embed_dim == 16


# --- saving and loading -----------------------------------------------------------------------


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


def test_a_loaded_model_keeps_its_parameters_and_can_be_fitted_again(fitted, data, tmp_path):
    fitted.save(tmp_path)
    loaded = LDPFClassifier.load(tmp_path, fitted.backbone_)
    own, params = fitted.get_params(), loaded.get_params()
    for name in set(own) - {"class_names", "device"}:
        assert params[name] == own[name] or name == "backbone", name
    again = clone(loaded).fit(data[0].features, words(data[0]))
    assert torch.equal(again.classifier_.contexts, fitted.classifier_.contexts)


def test_class_names_survive_saving(estimator, data, tmp_path):
    labels = np.array([10, 20, 30])[data[0].labels]
    estimator.set_params(class_names={10: "cat", 20: "dog", 30: "horse"})
    estimator.fit(data[0].features, labels).save(tmp_path)
    loaded = LDPFClassifier.load(tmp_path, estimator.backbone_)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # else fitting again would warn of bare numbers
        clone(loaded).fit(data[0].features, labels)


def test_a_model_of_the_command_line_is_loaded_with_its_own_settings(data, tiny_clip, tmp_path):
    method = LDPF(
        discovery=DiscoverySettings(n_domains=2),
        fusion="uniform",
        recipe=SHORT,
    )
    save_model(method.fit(*data, tiny_clip), tiny_clip, tmp_path, provenance={"data": "demo"})
    loaded = LDPFClassifier.load(tmp_path, tiny_clip)
    assert loaded.classes_.tolist() == ["cat", "dog", "horse"]
    assert (loaded.n_domains, loaded.fusion) == (2, "uniform")
    assert loaded.predict(data[1].features).shape == (36,)


def test_a_model_of_another_method_predicts_too(data, tiny_clip, tmp_path):
    coop = CoOp(recipe=SHORT).fit(*data, tiny_clip)
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


# --- every method -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [name for name in METHODS if not needs_domains(name)])
def test_every_method_is_fitted_kept_and_fitted_again(method, data, tiny_clip, tmp_path):
    model = LDPFClassifier(tiny_clip, method=method)
    model.fit(data[0].features, words(data[0])).save(tmp_path)
    loaded = LDPFClassifier.load(tmp_path, tiny_clip)
    features = data[1].features
    assert loaded.method == loaded.classifier_.method == method
    assert np.array_equal(loaded.predict_proba(features), model.predict_proba(features))
    weights = loaded.domain_weights(features)
    assert np.array_equal(weights, model.domain_weights(features))
    assert weights.shape == (36, model.classifier_.n_domains)
    own, params = model.get_params(), loaded.get_params()
    for name in set(own) - {"class_names", "device", "backbone"}:
        assert params[name] == own[name], name
    again = clone(loaded).fit(data[0].features, words(data[0]))
    assert np.array_equal(again.predict_proba(features), model.predict_proba(features))


@pytest.mark.parametrize("method", [name for name in METHODS if needs_domains(name)])
def test_methods_that_need_domains_take_a_set_that_brings_them(method, data, tiny_clip):
    model = LDPFClassifier(tiny_clip, method=method).fit(data[0])
    assert model.predict(data[1]).shape == (36,)
    with pytest.raises(DataError, match="domain"):
        clone(model).fit(data[0].features, words(data[0]))


def test_an_ablation_keeps_its_own_settings(data, tiny_clip):
    model = LDPFClassifier(tiny_clip, method="ldpf-agnostic-only")
    settings = model.fit(data[0].features, words(data[0])).trained_on_["method_settings"]
    assert (settings["agnostic_length"], settings["specific_length"]) == (12, 0)


def test_a_method_is_searched_over_like_any_parameter(data, tiny_clip):
    grid = {"method": ["zero-shot", "gda"], "n_domains": np.array([1, 2])}
    search = GridSearchCV(LDPFClassifier(tiny_clip), grid, cv=2, error_score="raise")
    search.fit(data[0].features.numpy(), words(data[0]))
    assert search.best_estimator_.method == search.best_params_["method"]


def test_other_settings_are_given_by_dotted_name(data, tiny_clip, tmp_path):
    settings = {"discovery.rounds": 2, "agnostic_length": np.int64(1)}
    model = LDPFClassifier(tiny_clip, settings=settings).fit(data[0].features, words(data[0]))
    kept = model.trained_on_["method_settings"]
    assert (kept["discovery"]["rounds"], kept["agnostic_length"]) == (2, 1)
    model.save(tmp_path)
    assert LDPFClassifier.load(tmp_path, tiny_clip).settings == settings


def test_a_fusion_rule_is_taken_and_kept(data, tiny_clip, tmp_path):
    model = LDPFClassifier(tiny_clip, fusion=Similarity(tau=0.7))
    model.fit(data[0].features, words(data[0])).save(tmp_path)
    assert model.classifier_.fusion == Similarity(tau=0.7)
    loaded = clone(LDPFClassifier.load(tmp_path, tiny_clip))
    loaded.fit(data[0].features, words(data[0]))
    assert loaded.classifier_.fusion == Similarity(tau=0.7)


def test_a_parameter_that_the_method_lacks_is_refused(data, tiny_clip):
    model = LDPFClassifier(tiny_clip, method="coop", agnostic_length=3)
    message = refusal(model, data[0].features, words(data[0]), SettingsError)
    assert all(part in message for part in ("agnostic_length=3", "'coop'", "length"))


def test_an_unknown_method_is_refused(data, tiny_clip):
    message = refusal(
        LDPFClassifier(tiny_clip, method="ldfp"),
        data[0].features,
        words(data[0]),
        SettingsError,
    )
    assert "'ldfp'" in message and "'ldpf'" in message


def test_a_model_of_a_method_that_is_not_installed_predicts(fitted, data, tmp_path):
    fitted.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["method"] = config["provenance"]["params"]["method"] = "from-elsewhere"
    (tmp_path / "config.json").write_text(json.dumps(config))
    loaded = LDPFClassifier.load(tmp_path, fitted.backbone_)
    assert np.array_equal(loaded.predict(data[1].features), fitted.predict(data[1].features))
    with pytest.raises(SettingsError, match="from-elsewhere"):
        clone(loaded).fit(data[0].features, words(data[0]))


def test_what_was_learned_from_is_told_as_the_command_line_does(fitted, data):
    known = fitted.trained_on_
    assert known["n_images"] == len(data[0]) == known["n_train"] + known["n_validation"]
    assert sum(known["class_counts"].values()) == len(data[0])
    assert (known["seed"], known["train_fraction"], known["domain_names"]) == (0, 0.8, None)
    assert known["method_settings"]["agnostic_length"] == 2


# --- what is refused --------------------------------------------------------------------------


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


def refusal(estimator, features, labels, error=DataError):
    with pytest.raises(error) as caught:
        estimator.fit(features, labels)
    return str(caught.value)


def test_images_and_labels_must_be_equally_many(estimator):
    message = refusal(estimator, np.ones((5, 16)), ["cat", "dog"])
    assert message == "n_images=5 should be n_labels=2."


def test_a_single_image_is_refused_before_it_is_counted(estimator):
    assert refusal(estimator, "cat.jpg", ["cat"]) == (
        "A single str was given; give a list, even of one: ['cat.jpg']."
    )


def test_one_class_is_refused(estimator):
    assert refusal(estimator, np.ones((3, 16)), ["cat"] * 3) == (
        "n_classes=1 should be at least 2; y holds only one class, ['cat']."
    )


def test_a_table_of_labels_is_refused(estimator):
    assert refusal(estimator, np.ones((3, 16)), np.eye(3)) == (
        "y should be one label per image; got shape (3, 3); of one-hot rows give y.argmax(axis=1)."
    )


def test_labels_without_a_name_are_counted(estimator):
    estimator.set_params(class_names={"a": "cat"})
    assert refusal(estimator, np.ones((3, 16)), ["a", "b", "c"], SettingsError) == (
        "class_names has no entry for the label 'b' (2 missing); add it."
    )


def test_a_list_of_names_of_another_length_is_refused(estimator):
    estimator.set_params(class_names=["cat"])
    assert refusal(estimator, np.ones((3, 16)), ["a", "b", "c"], SettingsError) == (
        "class_names has 1 names but y holds 3 classes."
    )


def test_classes_of_the_same_name_are_refused(estimator):
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
def test_parameters_out_of_range_are_refused(change, sentence, estimator, data):
    estimator.set_params(**change)
    message = refusal(estimator, data[0].features, words(data[0]), SettingsError)
    assert message.startswith(sentence)


def test_an_unknown_recipe_is_refused(estimator, data, monkeypatch):
    estimator.set_params(recipe="quick")
    message = refusal(estimator, data[0].features, words(data[0]), SettingsError)
    assert message == "There is no recipe 'quick'; choose from steady, fast, paper."


def test_an_unknown_backbone_is_refused(data):
    model = LDPFClassifier("nanno")
    assert "Did you mean 'nano'?" in refusal(model, data[0].features, words(data[0]), BackboneError)


def test_features_of_another_backbone_are_refused_in_prediction(fitted):
    with pytest.raises(DataError, match=r"X has 8 features, but .* 16"):
        fitted.predict(np.ones((2, 8)))


@pytest.mark.parametrize("images", [None, 7, {"a": 1}, (path for path in "ab")])
def test_what_is_no_sequence_of_images_is_refused(images, estimator):
    message = refusal(estimator, images, ["cat", "dog"])
    assert message.startswith(f"Inputs of type {type(images).__name__} are not understood; give ")
