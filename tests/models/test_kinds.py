"""Model folders of every kind of classifier, and what is refused of each."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from ldpf.errors import ModelError, SettingsError
from ldpf.methods import DPL, CoCoOp, CoOp, LinearProbe, ZeroShot
from ldpf.models.base import Classifier
from ldpf.models.folder import file_digest
from ldpf.models.saving import load_model, read_config, save_model
from ldpf.training.recipe import FAST

SHORT = replace(FAST, max_steps=3, cooldown=0)
METHODS = {
    "zero-shot": ZeroShot(),
    "linear-probe": LinearProbe(),
    "coop": CoOp(recipe=SHORT),
    "cocoop": CoCoOp(recipe=SHORT),
    "dpl": DPL(recipe=SHORT),
}
KINDS = {"zero-shot": "prompt", "linear-probe": "linear", "cocoop": "instance", "dpl": "instance"}


@pytest.fixture(scope="module")
def fitted(make_features, tiny_clip):
    data = make_features(4)
    return {name: method.fit(data, data, tiny_clip) for name, method in METHODS.items()}


@pytest.fixture(scope="module")
def images(make_features):
    return make_features(4, seed=1).features


@pytest.fixture
def keep(fitted, tiny_clip, tmp_path):
    return lambda name: save_model(fitted[name], tiny_clip, tmp_path / name)


def message_of(folder, backbone):
    with pytest.raises(ModelError) as caught:
        load_model(folder, backbone)
    return str(caught.value)


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes))


def change_tensors(folder, changes):
    tensors = load_file(folder / "model.safetensors")
    save_file(tensors | changes, folder / "model.safetensors")


@pytest.mark.parametrize("name", KINDS)
def test_the_config_names_the_kind_and_not_the_class_of_the_method(name, keep, fitted):
    config = read_config(keep(name))
    assert (config["kind"], config["method"]) == (KINDS[name], name)
    assert (config["n_domains"], config["per_image"]) == (1, True)
    assert "fusion" in config and config["class_names"] == list(fitted[name].class_names)


def test_a_model_of_a_method_that_is_not_installed_loads(keep, fitted, images, tiny_clip):
    folder = keep("cocoop")
    change_config(folder, method="from-elsewhere")
    loaded, _ = load_model(folder, tiny_clip)
    assert loaded.method == "from-elsewhere"
    assert torch.equal(loaded.logits(images), fitted["cocoop"].logits(images))


@pytest.mark.parametrize("kind", ["forest", 3, ["prompt"]])
def test_an_unknown_kind_is_refused(kind, keep, tiny_clip):
    folder = keep("coop")
    change_config(folder, kind=kind)
    message = message_of(folder, tiny_clip)
    assert repr(kind) in message and "combined, instance, linear, prompt" in message


def test_a_classifier_of_no_registered_kind_is_not_kept(tiny_clip, tmp_path):
    class Guess(Classifier):
        method, class_names, training = "guess", ("cat", "dog"), {}

    with pytest.raises(ModelError, match=r"Guess.*combined, instance, linear, prompt"):
        save_model(Guess(), tiny_clip, tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("bias", [torch.tensor([0.0, torch.inf, 0.0]), torch.zeros(2)])
def test_wrong_tensors_of_a_linear_model_are_named(bias, keep, tiny_clip):
    folder = keep("linear-probe")
    change_tensors(folder, {"bias": bias})
    assert "'bias'" in message_of(folder, tiny_clip)


def test_a_class_without_images_stays_unanswered(make_features, tiny_clip, tmp_path, images):
    data = make_features(4)
    some = data.subset(data.labels != 1)
    save_model(LinearProbe().fit(some, some, tiny_clip), tiny_clip, tmp_path)
    loaded, _ = load_model(tmp_path, tiny_clip)
    assert (loaded.logits(images)[:, 1] == -torch.inf).all()


@pytest.mark.parametrize(
    ("method", "name"), [("cocoop", "generator.hidden.bias"), ("dpl", "generator.second.bias")]
)
def test_wrong_tensors_of_a_generator_are_named(method, name, keep, tiny_clip):
    folder = keep(method)
    change_tensors(folder, {name: load_file(folder / "model.safetensors")[name][1:]})
    assert repr(name) in message_of(folder, tiny_clip)


def test_a_last_layer_of_broken_tokens_is_refused(keep, tiny_clip):
    folder = keep("dpl")
    tensors = load_file(folder / "model.safetensors")
    names = ("generator.last.weight", "generator.last.bias")
    change_tensors(folder, {name: tensors[name][:-1].contiguous() for name in names})
    change_config(folder, tensors_sha256=file_digest(folder / "model.safetensors"))
    assert str(len(tensors[names[1]]) - 1) in message_of(folder, tiny_clip)


def test_an_unknown_generator_is_refused(keep, tiny_clip):
    folder = keep("cocoop")
    change_config(folder, generator="oracle")
    with pytest.raises(SettingsError, match=r"'oracle'.*conditional-context"):
        load_model(folder, tiny_clip)


def test_a_generator_without_a_name_is_not_kept(fitted, tiny_clip, tmp_path):
    class Fixed(torch.nn.Module):
        pass

    classifier = replace(fitted["cocoop"], generator=Fixed())
    with pytest.raises(ModelError, match="Fixed"):
        save_model(classifier, tiny_clip, tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("name", ["zero-shot", "coop", "cocoop"])
def test_a_renamed_class_is_encoded_anew(name, keep, fitted, images, tiny_clip):
    folder, names = keep(name), ["cat", "dog", "zebra"]
    change_config(folder, class_names=names)
    loaded, _ = load_model(folder, tiny_clip)
    expected = fitted[name].for_classes(names, tiny_clip)
    assert torch.equal(loaded.logits(images), expected.logits(images))
    assert not torch.equal(loaded.logits(images)[:, 2], fitted[name].logits(images)[:, 2])


@pytest.mark.parametrize("name", ["zero-shot", "coop", "cocoop"])
def test_other_class_names_may_be_more(name, fitted, images, tiny_clip):
    names = [*fitted[name].class_names, "zebra"]
    more = fitted[name].for_classes(names, tiny_clip)
    assert more.class_names == tuple(names)
    assert torch.allclose(more.logits(images)[:, :3], fitted[name].logits(images), atol=1e-4)


def test_other_class_names_need_prompts_that_carry_them(fitted, tiny_clip):
    with pytest.raises(ModelError, match="'linear-probe'"):
        fitted["linear-probe"].for_classes(["cow"], tiny_clip)
