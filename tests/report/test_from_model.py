"""Reports of models: of every method, alone and measured on images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ldpf.methods import METHODS, ZeroShot, make_method
from ldpf.models.provenance import training_provenance
from ldpf.models.saving import load_model, read_config, save_model
from ldpf.report.from_model import from_model
from ldpf.report.html import report_html, summary
from ldpf.training.recipe import FAST

LATENT_TITLES = ("Map of domain features", "Fusion weights", "Oracle gap")


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(6), make_features(3, seed=1)


def save(name, data, backbone, folder: Path):
    """A trained model of a method, kept and loaded again, with its config."""
    method = make_method(name, replace(FAST, max_steps=1, cooldown=0))
    fitted = method.fit(*data, backbone)
    provenance = training_provenance("drawn", method, *data, seed=0, train_fraction=0.8)
    save_model(fitted, backbone, folder, provenance=provenance)
    return load_model(folder, backbone)[0], read_config(folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_model_of_every_method_has_a_report(name, data, make_features, tiny_clip, tmp_path):
    classifier, config = save(name, data, tiny_clip, tmp_path / "model")
    images = make_features(4, seed=2)
    alone = from_model(tmp_path / "model", config)
    found = from_model(tmp_path / "model", config, "photos", classifier, tiny_clip, images)
    assert name in found.methods
    assert summary(found)[0].startswith(f"{name} is right for ")
    for page in (report_html(alone), report_html(found)):
        assert f"{name} has no latent domains" in page or classifier.latent is not None
        for title in LATENT_TITLES:
            assert (f"<h2>{title}</h2>" in page) == (classifier.latent is not None)


@pytest.mark.slow
def test_what_learns_nothing_is_not_said_to_have_learned(data, tiny_clip, tmp_path):
    classifier, config = save("zero-shot", data, tiny_clip, tmp_path / "model")
    config["provenance"]["data_digest"] = data[0].digest()
    found = from_model(tmp_path / "model", config, "photos", classifier, tiny_clip, data[0])
    page = report_html(found)
    assert "The model learned from no images" in page
    assert "images the model was trained on" not in page
    assert sum(len(run.labels) for run in found.runs.values()) == len(data[0])


def test_a_model_of_a_method_that_is_not_installed_is_measured(data, tiny_clip, tmp_path):
    fitted = replace(ZeroShot().fit(*data, tiny_clip), method="gone")
    save_model(fitted, tiny_clip, tmp_path / "model")
    classifier, _ = load_model(tmp_path / "model", tiny_clip)
    config = read_config(tmp_path / "model")
    found = from_model(tmp_path / "model", config, "photos", classifier, tiny_clip, data[0])
    assert "gone" in found.methods
    assert summary(found)[0].startswith("gone is right for ")
