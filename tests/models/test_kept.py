"""What a model folder keeps beside the classifier, and how damage to it is told."""

from __future__ import annotations

import json

import pytest
import torch

from ldpf.errors import ModelError
from ldpf.expectation import measure_expectation
from ldpf.methods import make_method
from ldpf.models.saving import load_model, save_model


@pytest.fixture(scope="module")
def classifier(make_features, tiny_clip):
    data = make_features(8, seed=0), make_features(3, seed=1)
    method = make_method("gda")
    fitted = method.fit(*data, tiny_clip)
    return fitted.with_expectation(measure_expectation(method, fitted, *data, tiny_clip))


def test_a_folder_without_it_has_none(classifier, tiny_clip, tmp_path):
    save_model(classifier.with_expectation(None), tiny_clip, tmp_path)
    assert "expectation" not in json.loads((tmp_path / "config.json").read_text())
    assert load_model(tmp_path, tiny_clip)[0].expectation is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda entry: entry.pop("temperature"), "temperature"),
        (lambda entry: entry.update(temperature="warm"), "warm"),
        (lambda entry: entry.update(temperature=-1.0), "-1"),
        (lambda entry: entry.update(score="odd"), "odd"),
        (lambda entry: entry.update(left_out=[{"domain": 1}]), "accuracy"),
        (lambda entry: entry.update(calibrated_on=9), "scores.3"),
    ],
)
def test_a_damaged_entry_is_told(change, named, classifier, tiny_clip, tmp_path):
    save_model(classifier, tiny_clip, tmp_path)
    file = tmp_path / "config.json"
    config = json.loads(file.read_text())
    change(config["expectation"])
    file.write_text(json.dumps(config))
    with pytest.raises(ModelError, match=named):
        load_model(tmp_path, tiny_clip)


def test_an_entry_that_is_no_object_is_told(classifier, tiny_clip, tmp_path):
    save_model(classifier, tiny_clip, tmp_path)
    file = tmp_path / "config.json"
    config = json.loads(file.read_text()) | {"expectation": [1, 2]}
    file.write_text(json.dumps(config))
    with pytest.raises(ModelError, match="expectation"):
        load_model(tmp_path, tiny_clip)


def test_a_renamed_class_keeps_it(classifier, tiny_clip, tmp_path):
    save_model(classifier, tiny_clip, tmp_path)
    file = tmp_path / "config.json"
    config = json.loads(file.read_text())
    config["class_names"][0] = "kitten"
    file.write_text(json.dumps(config))
    loaded, _ = load_model(tmp_path, tiny_clip)
    assert loaded.expectation.temperature == classifier.expectation.temperature


def test_scores_that_are_not_finite_are_refused(classifier, tiny_clip, tmp_path):
    damaged = classifier.expectation
    damaged.conformal.by_domain[0][0] = torch.nan
    save_model(classifier, tiny_clip, tmp_path)
    with pytest.raises(ModelError, match=r"expectation\.scores\.0.*NaN"):
        load_model(tmp_path, tiny_clip)
    damaged.conformal.by_domain[0][0] = 0.0
