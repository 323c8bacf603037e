"""`discover` from Python."""

from __future__ import annotations

import json

import pytest
import torch

from ldpf import workflows
from ldpf.errors import ModelError, SettingsError


@pytest.fixture(scope="module")
def discovery(images, tiny_clip_folder, session_settings):
    return workflows.discover(images, backbone=tiny_clip_folder)


def test_nothing_is_written_without_a_folder(images, tiny_clip_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert workflows.discover(images, backbone=tiny_clip_folder, n_domains=2).files == ()
    assert list(tmp_path.iterdir()) == []


def test_domains_computed_at_once_have_settled(discovery):
    assert discovery.measured["moved"] == 0
    assert not any("settled" in sentence for sentence in discovery.diagnosis)


@pytest.mark.slow
def test_the_number_may_be_chosen_by_a_rule(images, tiny_clip_folder):
    result = workflows.discover(images, backbone=tiny_clip_folder, n_domains="auto")
    assert 1 <= len(result.sizes) <= 8
    with pytest.raises(SettingsError, match=r"n_domains='many' should be .* one of auto"):
        workflows.discover(images, backbone=tiny_clip_folder, n_domains="many")


def test_settings_of_the_discovery(discovery, images, tiny_clip_folder):
    style = workflows.discover(
        images, backbone=tiny_clip_folder, settings={"discovery.features": "style"}
    )
    assert "style_followed" in style.measured and "style_followed" not in discovery.measured
    with pytest.raises(SettingsError, match="'fetures'"):
        workflows.discover(images, backbone=tiny_clip_folder, settings={"fetures": "style"})
    with pytest.raises(SettingsError, match="twice, as 2 and as 4"):
        workflows.discover(
            images, backbone=tiny_clip_folder, n_domains=2, settings={"n_domains": 4}
        )


def test_a_model_s_settings_are_fixed(model, images):
    with pytest.raises(SettingsError, match="'features' cannot be set for a trained model"):
        workflows.discover(images, model, settings={"features": "style"})


def test_tables_count_every_image_once(discovery):
    assert sum(discovery.sizes) == 54
    for table in (discovery.by_class, discovery.by_known_domain):
        columns = zip(*table.values(), strict=True)
        assert [sum(column) for column in columns] == discovery.sizes


def test_images_are_in_the_nearest_latent_domain(discovery):
    features = discovery.features.features
    assert torch.equal(discovery.latent.assign(features), discovery.assigned)
    assert discovery.weights.shape == (54, 3)


@pytest.mark.slow
def test_the_result_is_what_the_command_prints(
    discovery, images, tiny_clip_folder, run_json, tmp_path
):
    printed = run_json("domains", images, "--backbone", tiny_clip_folder, "--out", tmp_path / "out")
    ours = json.loads(json.dumps(discovery.to_json()))
    assert {**ours, "files": []} == {**printed, "files": []}


def test_a_model_shows_its_own_latent_domains(model, images):
    result = workflows.discover(images, model)
    assert len(result.sizes) == 3 and result.origin == f"of the model {model}"


def test_a_model_without_latent_domains_is_refused(coop_model, images):
    with pytest.raises(ModelError, match="'coop'"):
        workflows.discover(images, coop_model)


def test_a_model_s_number_of_domains_is_fixed(model, images):
    with pytest.raises(SettingsError, match="n_domains=2"):
        workflows.discover(images, model, n_domains=2)
