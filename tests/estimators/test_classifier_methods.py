"""`LDPFClassifier` with every method and its settings."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from ldpf.errors import DataError, SettingsError
from ldpf.estimators.classifier import LDPFClassifier
from ldpf.fusion.similarity import Similarity
from ldpf.methods import METHODS

pytestmark = pytest.mark.usefixtures("short_training")


def needs_domains(name):
    return METHODS.facts(name).get("needs_domains", False)


@pytest.mark.slow
@pytest.mark.parametrize("method", [name for name in METHODS if not needs_domains(name)])
def test_every_method_is_fitted_kept_and_fitted_again(method, data, tiny_clip, tmp_path, words):
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


@pytest.mark.slow
@pytest.mark.parametrize("method", [name for name in METHODS if needs_domains(name)])
def test_methods_that_need_domains_take_a_set_that_brings_them(method, data, tiny_clip, words):
    model = LDPFClassifier(tiny_clip, method=method).fit(data[0])
    assert model.predict(data[1]).shape == (36,)
    with pytest.raises(DataError, match="domain"):
        clone(model).fit(data[0].features, words(data[0]))


@pytest.mark.slow
def test_an_ablation_keeps_its_own_settings(data, tiny_clip, words):
    model = LDPFClassifier(tiny_clip, method="ldpf-agnostic-only")
    settings = model.fit(data[0].features, words(data[0])).trained_on_["method_settings"]
    assert (settings["agnostic_length"], settings["specific_length"]) == (12, 0)


@pytest.mark.slow
def test_a_method_is_searched_over_like_any_parameter(data, tiny_clip, words):
    grid = {"method": ["zero-shot", "gda"], "n_domains": np.array([1, 2])}
    search = GridSearchCV(LDPFClassifier(tiny_clip), grid, cv=2, error_score="raise")
    search.fit(data[0].features.numpy(), words(data[0]))
    assert search.best_estimator_.method == search.best_params_["method"]


@pytest.mark.slow
def test_other_settings_are_given_by_dotted_name(data, tiny_clip, tmp_path, words):
    settings = {"discovery.rounds": 2, "agnostic_length": np.int64(1)}
    model = LDPFClassifier(tiny_clip, settings=settings).fit(data[0].features, words(data[0]))
    kept = model.trained_on_["method_settings"]
    assert (kept["discovery"]["rounds"], kept["agnostic_length"]) == (2, 1)
    model.save(tmp_path)
    assert LDPFClassifier.load(tmp_path, tiny_clip).settings == settings


@pytest.mark.slow
def test_a_fusion_rule_is_taken_and_kept(data, tiny_clip, tmp_path, words):
    model = LDPFClassifier(tiny_clip, fusion=Similarity(tau=0.7))
    model.fit(data[0].features, words(data[0])).save(tmp_path)
    assert model.classifier_.fusion == Similarity(tau=0.7)
    loaded = clone(LDPFClassifier.load(tmp_path, tiny_clip))
    loaded.fit(data[0].features, words(data[0]))
    assert loaded.classifier_.fusion == Similarity(tau=0.7)


def test_a_parameter_that_the_method_lacks_is_refused(data, tiny_clip, words, refusal):
    model = LDPFClassifier(tiny_clip, method="coop", agnostic_length=3)
    message = refusal(model, data[0].features, words(data[0]), SettingsError)
    assert all(part in message for part in ("agnostic_length=3", "'coop'", "length"))


def test_an_unknown_method_is_refused(data, tiny_clip, words, refusal):
    message = refusal(
        LDPFClassifier(tiny_clip, method="ldfp"),
        data[0].features,
        words(data[0]),
        SettingsError,
    )
    assert "'ldfp'" in message and "'ldpf'" in message


def test_a_model_of_a_method_that_is_not_installed_predicts(fitted, data, tmp_path, words):
    fitted.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["method"] = config["provenance"]["params"]["method"] = "from-elsewhere"
    (tmp_path / "config.json").write_text(json.dumps(config))
    loaded = LDPFClassifier.load(tmp_path, fitted.backbone_)
    assert np.array_equal(loaded.predict(data[1].features), fitted.predict(data[1].features))
    with pytest.raises(SettingsError, match="from-elsewhere"):
        clone(loaded).fit(data[0].features, words(data[0]))
