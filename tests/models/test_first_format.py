"""Model folders as 0.1.0 wrote them, in format 1, still load."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file

from ldpf.models.saving import load_model, read_config, save_model


@pytest.fixture(scope="module")
def images(make_features):
    return make_features(4, seed=1).features


def write(folder, backbone, tensors, **changes):
    """The two files, from literal entries."""
    config = {
        "format_version": 1,
        "library_version": "0.1.0",
        "method": "ldpf",
        "class_names": ["cat", "dog", "horse"],
        "n_classes": 3,
        "backbone": {
            "name": "tiny-clip",
            "fingerprint": backbone.fingerprint,
            "embed_dim": 16,
            "activation": "quick_gelu",
            "image_size": 16,
        },
        "n_domains": 2,
        "fusion": "similarity",
        "tau": 0.5,
        "training": {"text_passes": 3, "validation_accuracy": 0.75},
        "provenance": {"dataset": "photos"},
        **changes,
    }
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def tensors():
    """Two latent domains, prompts of three tokens."""
    draws = torch.Generator().manual_seed(0)
    outer = torch.nn.functional.normalize(torch.randn(2, 16, generator=draws), dim=1)
    return {
        "contexts": 0.02 * torch.randn(2, 3, 32, generator=draws),
        "latent.centroids": torch.randn(2, 4, generator=draws),
        "latent.extractor.erasure": torch.eye(4),
        "latent.extractor.hidden.bias": torch.zeros(8),
        "latent.extractor.hidden.weight": torch.randn(8, 16, generator=draws),
        "latent.extractor.input_mean": torch.zeros(16),
        "latent.extractor.input_scale": torch.tensor(1.0),
        "latent.extractor.out.bias": torch.zeros(4),
        "latent.extractor.out.weight": torch.randn(4, 8, generator=draws),
        "latent.extractor.output_mean": torch.zeros(4),
        "outside.centroids": outer,
        "outside.n_measured": torch.tensor(7),
        "outside.threshold": torch.tensor(0.25, dtype=torch.float64),
    }


def test_ldpf_loads_with_everything_in_it(tensors, tiny_clip, tmp_path, images):
    loaded, _ = load_model(write(tmp_path, tiny_clip, tensors), tiny_clip)
    assert (loaded.method, loaded.n_domains, loaded.per_image) == ("ldpf", 2, True)
    assert loaded.contexts is not None and torch.equal(loaded.contexts, tensors["contexts"])
    assert not any(name.startswith("outside") for name in loaded.tensors())  # an earlier check
    hidden = torch.relu(images @ tensors["latent.extractor.hidden.weight"].T)
    z = hidden @ tensors["latent.extractor.out.weight"].T
    cosines = torch.cosine_similarity(z[:, None], tensors["latent.centroids"][None], dim=2)
    expected = torch.softmax(cosines / 0.5, dim=1)
    assert torch.allclose(loaded.domain_weights(images), expected, atol=1e-5)


def test_coop_loads_without_latent_domains(tensors, tiny_clip, tmp_path, images):
    prompts = {"contexts": tensors["contexts"][:1].clone()}
    folder = write(tmp_path, tiny_clip, prompts, method="coop", n_domains=1)
    loaded, _ = load_model(folder, tiny_clip)
    assert loaded.latent is None
    assert torch.equal(loaded.domain_weights(images), torch.ones(len(images), 1))


def test_its_config_says_what_newer_ones_say(tensors, tiny_clip, tmp_path):
    config = read_config(write(tmp_path, tiny_clip, tensors))
    assert (config["kind"], config["per_image"], config["tau"]) == ("prompt", True, 0.5)


def test_it_is_saved_again_in_the_present_format(tensors, tiny_clip, tmp_path, images):
    loaded, _ = load_model(write(tmp_path / "old", tiny_clip, tensors), tiny_clip)
    again, _ = load_model(save_model(loaded, tiny_clip, tmp_path / "new"), tiny_clip)
    assert read_config(tmp_path / "new")["format_version"] == 2
    assert torch.equal(again.logits(images), loaded.logits(images))


def test_that_nothing_shows_changed_values_is_said(tmp_path, tiny_clip, tensors, caplog):
    folder = write(tmp_path / "model", tiny_clip, tensors)
    load_model(folder, tiny_clip)
    assert str(folder) in caplog.text and "digest" in caplog.text
