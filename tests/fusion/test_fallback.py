from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ldpf.errors import SettingsError
from ldpf.fusion import FusionExamples, FusionInputs
from ldpf.fusion.episodes import judged_logits
from ldpf.fusion.fallback import Fallback
from ldpf.fusion.fuse import fuse, fuse_reference
from ldpf.fusion.left_out import WithoutPrompts
from ldpf.fusion.mixing import ProbabilitySimilarity
from ldpf.methods import ENSEMBLE_TEMPLATES, LDPF, zero_shot_features
from ldpf.models.saving import load_model, save_model
from ldpf.training.recipe import FAST
from ldpf.utils.seed import generator


@pytest.fixture
def inputs():
    draws = generator(0, "fallback")
    return FusionInputs(
        2 * torch.rand(50, 3, generator=draws) - 1,
        F.normalize(torch.randn(50, 8, generator=draws), dim=-1),
        F.normalize(torch.randn(3, 4, 8, generator=draws), dim=-1),
        5.0,
    )


@pytest.fixture
def hard():
    return F.normalize(torch.randn(4, 8, generator=generator(1, "fallback")), dim=-1)


def test_sure_answers_are_kept_and_the_others_come_from_the_zero_shot_ensemble(inputs, hard):
    by_prompts = fuse(ProbabilitySimilarity(tau=0.3), inputs).softmax(dim=1)
    sure = by_prompts.max(dim=1).values >= 0.6
    assert 0 < int(sure.sum()) < 50
    rule = Fallback(tau=0.3, threshold=0.6, zero_shot=hard)
    by_zero_shot = (5.0 * inputs.image_features @ hard.T).softmax(dim=1)
    for answer in (fuse(rule, inputs), fuse_reference(rule, inputs)):
        probabilities = answer.softmax(dim=1)
        assert torch.allclose(probabilities[sure], by_prompts[sure], atol=1e-6)
        assert torch.allclose(probabilities[~sure], by_zero_shot[~sure], atol=1e-6)


def test_a_threshold_of_0_never_falls_back(inputs, hard):
    never = fuse(Fallback(threshold=0.0, zero_shot=hard), inputs).softmax(dim=1)
    assert torch.allclose(never, fuse(ProbabilitySimilarity(), inputs).softmax(dim=1), atol=1e-6)


def test_a_threshold_of_1_always_falls_back(inputs, hard):
    always = fuse(Fallback(threshold=1.0, zero_shot=hard), inputs).argmax(dim=1)
    assert torch.equal(always, (inputs.image_features @ hard.T).argmax(dim=1))


def test_it_falls_back_also_where_a_prompt_is_left_out(inputs, hard):
    rule = Fallback(threshold=1.0, zero_shot=hard)
    by_zero_shot = (inputs.image_features @ hard.T).argmax(dim=1)
    assert torch.equal(fuse(WithoutPrompts(rule, (1,)), inputs).argmax(dim=1), by_zero_shot)
    labels = torch.zeros(50, dtype=torch.int64)
    examples = FusionExamples(inputs, labels, inputs.similarities.argmax(dim=1))
    assert torch.equal(judged_logits(rule, examples, examples).argmax(dim=1), by_zero_shot)


def test_without_zero_shot_features_it_is_refused(inputs):
    examples = FusionExamples(inputs, torch.zeros(50, dtype=torch.int64), torch.zeros(50))
    with pytest.raises(SettingsError, match="'fallback' needs the text features"):
        Fallback().fit(examples, examples)


@pytest.mark.parametrize("threshold", [-0.1, 1.5])
def test_a_threshold_that_is_no_probability_is_refused(threshold):
    with pytest.raises(SettingsError, match=f"threshold={threshold}"):
        Fallback(threshold=threshold)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(6, seed=0), make_features(4, seed=1)


@pytest.fixture(scope="module")
def trained(data, tiny_clip):
    recipe = replace(FAST, max_steps=4, cooldown=1, round_every=2)
    return LDPF(recipe=recipe, fusion=Fallback(threshold=1.0)).fit(*data, tiny_clip)


def by_ensemble(names, images, backbone):
    return (images @ zero_shot_features(names, ENSEMBLE_TEMPLATES, backbone).T).argmax(dim=1)


def test_training_gives_it_the_ensemble_of_the_classes(trained, data, tiny_clip):
    images = data[1].features
    expected = by_ensemble(trained.class_names, images, tiny_clip)
    assert torch.equal(trained.logits(images).argmax(dim=1), expected)


def test_other_class_names_fall_back_to_their_own_ensemble(trained, data, tiny_clip):
    names, images = ["guitar", "sketch", "house", "cat"], data[1].features
    renamed = trained.for_classes(names, tiny_clip)
    assert torch.equal(renamed.logits(images).argmax(dim=1), by_ensemble(names, images, tiny_clip))


@pytest.mark.slow
def test_a_model_folder_keeps_it_under_other_names_too(trained, data, tiny_clip, tmp_path):
    images = data[1].features
    loaded, _ = load_model(save_model(trained, tiny_clip, tmp_path / "model"), tiny_clip)
    assert torch.equal(loaded.logits(images), trained.logits(images))
    renamed = trained.for_classes(["guitar", "house"], tiny_clip)
    loaded, _ = load_model(save_model(renamed, tiny_clip, tmp_path / "renamed"), tiny_clip)
    assert torch.equal(loaded.logits(images), renamed.logits(images))


def test_classes_renamed_in_the_folder_are_encoded_anew(trained, data, tiny_clip):
    config, images = trained.config(), data[1].features
    names = ["guitar", "house", "sketch"]
    assert config["encoded_class_names"] == list(trained.class_names)
    config |= {"method": "ldpf", "class_names": names, "n_classes": 3, "n_domains": 3}
    loaded = type(trained).from_saved(config, trained.tensors(), tiny_clip)
    assert torch.equal(loaded.logits(images).argmax(dim=1), by_ensemble(names, images, tiny_clip))
