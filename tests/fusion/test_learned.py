"""A rule that learns: fitted to finished prompts, kept in a model folder, no part of settings."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch

from ldpf.domains import DiscoverySettings
from ldpf.errors import ModelError, SettingsError
from ldpf.experiments.readouts import READOUTS, TrainedOn
from ldpf.fusion.base import FUSION_RULES, FusionRule
from ldpf.methods import LDPF
from ldpf.methods.overrides import setting_names
from ldpf.models.saving import load_model, save_model
from ldpf.training.recipe import FAST
from ldpf.utils.learned import learned
from ldpf.utils.registry import part_settings


@dataclass(frozen=True)
class ByAccuracy(FusionRule):
    """A prompt weighs by how often it is right about validation images of other latent domains."""

    power: float = 2.0
    share: torch.Tensor | None = learned()

    def weights(self, inputs):
        return self.share.expand_as(inputs.similarities)

    def fit(self, train, validation, *, seed=0):
        right = (
            validation.inputs.prompt_logits.argmax(dim=2) == validation.labels[:, None]
        )  # [N, S]
        other = validation.domains[:, None] != torch.arange(right.shape[1])
        accuracy = (right & other).sum(dim=0) / other.sum(dim=0)
        share = (accuracy + 0.01) ** self.power
        return replace(self, share=share / share.sum())


@pytest.fixture(scope="module", autouse=True)
def registered():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FUSION_RULES, "_entries", dict(FUSION_RULES._entries))
        FUSION_RULES.register("by-accuracy", learns=True)(ByAccuracy)
        yield


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(6, seed=0), make_features(4, seed=1)


@pytest.fixture(scope="module")
def method():
    recipe = replace(FAST, max_steps=8, cooldown=2, round_every=2)
    return LDPF(discovery=DiscoverySettings(rounds=2), fusion=ByAccuracy(), recipe=recipe)


@pytest.fixture(scope="module")
def trained(method, data, tiny_clip):
    return method.fit(*data, tiny_clip)


def test_it_is_fitted_to_the_prompts_that_training_ends_with(trained, data):
    examples = [trained._examples(part) for part in data]
    assert trained.fusion.needs_fit is False
    assert torch.equal(trained.fusion.share, ByAccuracy().fit(*examples).share)


def test_the_prompts_are_chosen_with_equal_weights(trained, method, data, tiny_clip):
    uniform = replace(method, fusion="uniform").fit(*data, tiny_clip)
    assert torch.equal(trained.contexts, uniform.contexts)


def test_what_is_learned_is_no_setting(trained, method):
    assert "fusion.power" in setting_names(method)
    assert "fusion.share" not in setting_names(method)
    assert part_settings(trained.fusion) == {"name": "by-accuracy", "power": 2.0}


def test_a_model_folder_keeps_it(trained, data, tiny_clip, tmp_path):
    loaded, _ = load_model(save_model(trained, tiny_clip, tmp_path / "model"), tiny_clip)
    assert torch.equal(loaded.logits(data[1].features), trained.logits(data[1].features))
    assert torch.equal(loaded.fusion.share, trained.fusion.share)


@pytest.mark.parametrize("name", [n for n in FUSION_RULES if FUSION_RULES.facts(n).get("learns")])
def test_a_model_folder_keeps_every_rule_that_learns(name, trained, data, tiny_clip, tmp_path):
    fitted = trained.fit_fusion(name, *data, tiny_clip)
    loaded, _ = load_model(save_model(fitted, tiny_clip, tmp_path / "model"), tiny_clip)
    assert loaded.fusion == fitted.fusion and loaded.fusion.needs_fit is False
    assert torch.equal(loaded.logits(data[1].features), fitted.logits(data[1].features))


def test_a_model_folder_without_it_is_refused(trained, tiny_clip, tmp_path):
    unfitted = replace(trained, fusion=ByAccuracy())
    with pytest.raises(ModelError, match=r"'fusion\.share'"):
        load_model(save_model(unfitted, tiny_clip, tmp_path / "model"), tiny_clip)


def test_without_images_to_learn_from_it_is_refused(trained):
    with pytest.raises(SettingsError, match="'by-accuracy' learns"):
        trained.with_fusion("by-accuracy")


def test_finished_prompts_can_be_given_one(method, trained, data, tiny_clip):
    plain = trained.with_fusion("similarity")
    again = plain.fit_fusion("by-accuracy", *data)
    assert torch.equal(again.logits(data[1].features), trained.logits(data[1].features))


def test_rules_that_learn_nothing_stay_as_they_are(trained, data):
    for name in ("similarity", "uniform", "nearest", "logit-similarity", "probability-similarity"):
        assert trained.fit_fusion(name, *data).fusion == FUSION_RULES.make(name)


def test_it_is_read_off_another_training_fitted_to_its_images(trained, data):
    plain = trained.with_fusion("similarity")
    readout = READOUTS["ldpf-by-accuracy"]
    assert readout.learns and not READOUTS["ldpf-uniform"].learns
    reader = readout.reader(plain, TrainedOn(*data))
    assert torch.equal(reader.fusion.share, trained.fusion.share)
    assert torch.equal(reader.logits(data[1].features), trained.logits(data[1].features))


def test_it_is_no_read_out_without_the_images_of_the_training(trained):
    with pytest.raises(SettingsError, match="'by-accuracy' learns"):
        READOUTS["ldpf-by-accuracy"].reader(trained.with_fusion("similarity"))
