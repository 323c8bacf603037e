"""`train` from Python."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from ldpf import workflows
from ldpf.data import load_dataset
from ldpf.errors import ModelError, SettingsError
from ldpf.methods import CoOp
from ldpf.models.saving import load_model
from ldpf.training.recipe import get_recipe


@pytest.fixture(scope="module")
def training(images, tiny_clip_folder, session_settings, tmp_path_factory):
    """A CoOp model, as the call returned it."""
    folder = tmp_path_factory.mktemp("training") / "model"
    return workflows.train(
        images, folder, backbone=tiny_clip_folder, method="coop", command="ldpf train ..."
    )


def test_the_result_is_the_model_in_the_folder(training):
    loaded, _ = load_model(training.model, training.backbone)
    assert torch.equal(loaded.contexts, training.classifier.contexts)
    assert loaded.method == "coop"


def test_the_parts_are_those_learned_from_and_held_out(training):
    assert (len(training.features), len(training.train), len(training.validation)) == (54, 42, 12)
    assert training.judged is training.validation
    assert training.n_test == 0


def test_the_accuracies_are_of_the_images_held_out(training):
    judged = training.judged
    answers = training.classifier.logits(judged.features).argmax(dim=1)
    assert training.accuracy == pytest.approx(float((answers == judged.labels).double().mean()))
    kept = json.loads((training.model / "config.json").read_text())["provenance"]
    assert kept == training.provenance
    assert kept["zero_shot_validation_accuracy"] == training.zero_shot_accuracy


def test_the_command_is_kept(training):
    assert training.provenance["command"] == "ldpf train ..."


def test_without_latent_domains_there_is_nothing_to_tell_of_them(training):
    assert training.latent_domains is None
    assert training.by_known_domain == {}
    assert training.diagnosis == []


@pytest.mark.slow
def test_latent_domains_are_counted_by_known_domain(
    images, tiny_clip_folder, session_settings, tmp_path
):
    result = workflows.train(images, tmp_path / "m", backbone=tiny_clip_folder)
    assert result.latent_domains is not None
    columns = zip(*result.by_known_domain.values(), strict=True)
    assert [sum(column) for column in columns] == result.latent_domains["sizes"]
    assert result.diagnosis


def test_the_same_call_trains_nothing_again(training, images, caplog):
    before = (training.model / "model.safetensors").stat().st_mtime_ns
    with caplog.at_level("INFO", "ldpf"):
        again = workflows.train(images, training.model, backbone=training.backbone, method="coop")
    assert (training.model / "model.safetensors").stat().st_mtime_ns == before
    assert again.accuracy == training.accuracy
    assert any("trained before" in message for message in caplog.messages)


def test_what_a_process_killed_at_its_end_has_left_is_removed(training, images, tmp_path):
    copied = shutil.copytree(training.model, tmp_path / "model")
    (copied / "training" / "checkpoint.safetensors").write_bytes(b"x")
    (copied / "training" / "trials" / "one").mkdir(parents=True)
    (copied / "training" / ".images.safetensors-000000-1-00000000-1.tmp").touch()
    os.utime(copied / "training" / ".images.safetensors-000000-1-00000000-1.tmp", (0, 0))
    workflows.train(images, copied, backbone=training.backbone, method="coop")
    left = {file.name for file in (copied / "training").iterdir()}
    assert left == {file.name for file in (training.model / "training").iterdir()}


@pytest.mark.slow
def test_a_listed_dataset_and_a_method_with_settings_are_taken(
    images, training, session_settings, tmp_path
):
    method = CoOp(recipe=get_recipe("fast"), length=2)
    dataset = load_dataset(images)
    result = workflows.train(dataset, tmp_path / "m", backbone=training.backbone, method=method)
    assert result.classifier.contexts.shape[1] == 2


@pytest.mark.slow
@pytest.mark.parametrize("method", ["linear-probe", "gda", "cocoop", "dpl", "zero-shot"])
def test_every_kind_of_method_makes_a_model_that_can_be_used(
    method, images, training, session_settings, tmp_path
):
    result = workflows.train(images, tmp_path / "m", backbone=training.backbone, method=method)
    measured = workflows.evaluate(result.model, images, backbone=training.backbone)
    assert measured.n_test == 54
    row = next(iter(workflows.predict(result.model, images, backbone=training.backbone)))
    assert row.error is None and len(row.weights) == result.classifier.n_domains
    description = workflows.describe_model(result.model, backbone=training.backbone)
    assert description.config["method"] == method


def test_an_unknown_method_is_refused_before_anything_is_read(tmp_path: Path):
    with pytest.raises(SettingsError, match="'ldfp'"):
        workflows.train(tmp_path / "none", tmp_path / "m", method="ldfp")
    assert not (tmp_path / "m").exists()


@pytest.mark.slow
def test_settings_outdo_the_other_arguments(images, tiny_clip_folder, session_settings, tmp_path):
    settings = {"discovery.n_domains": 2, "recipe.max_steps": 2}
    result = workflows.train(
        images, tmp_path / "m", backbone=tiny_clip_folder, tau=0.3, settings=settings
    )
    kept = result.provenance["method_settings"]
    assert kept["discovery"]["n_domains"] == 2
    assert kept["recipe"]["max_steps"] == 2
    assert kept["fusion"]["tau"] == 0.3


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"settings": {"recipe.max_step": 2}}, "'recipe.max_step'.*'recipe.max_steps'"),
        ({"method": "coop", "settings": {"tau": 0.3}}, "coop has no setting 'tau'"),
        ({"settings": {"tau": 0.3}, "search": ["tau=0.1,1"]}, "'tau' is both"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_before_anything_is_read(arguments, named, tmp_path):
    with pytest.raises(SettingsError, match=named):
        workflows.train(tmp_path / "no-images", tmp_path / "m", **arguments)


@pytest.mark.parametrize("content", ["[", '{"hash": 3}', "{}", "settings"])
def test_a_damaged_record_of_the_settings_loses_no_model(content, training, images, tmp_path):
    copied = shutil.copytree(training.model, tmp_path / "model")
    file = copied / "training" / "settings.json"
    if content == "settings":
        content = json.dumps({**json.loads(file.read_text()), "settings": 3.5})
    file.write_text(content)
    with pytest.raises(ModelError, match="trained with other data or settings"):
        workflows.train(images, copied, backbone=training.backbone, method="coop", seed=9)
    same = [(at / "model.safetensors").read_bytes() for at in (copied, training.model)]
    assert same[0] == same[1]
