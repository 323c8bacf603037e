from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from ldpf.errors import ModelError, SettingsError
from ldpf.export.graph import FeatureHead
from ldpf.methods import LDPF, CoCoOp, LinearProbe, ZeroShot
from ldpf.models.combined_classifier import CombinedClassifier, add_log_probabilities
from ldpf.models.combining import combine
from ldpf.models.linear_classifier import LinearClassifier
from ldpf.models.saving import load_model, save_model
from ldpf.models.summary import ModelSummary
from ldpf.training.recipe import FAST

SHORT = replace(FAST, max_steps=3, cooldown=0)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(6)


@pytest.fixture(scope="module")
def members(data, tiny_clip):
    methods = {
        "zero-shot": ZeroShot(),
        "linear-probe": LinearProbe(),
        "ldpf": LDPF(recipe=SHORT),
        "cocoop": CoCoOp(recipe=SHORT),
    }
    return {name: method.fit(data, data, tiny_clip) for name, method in methods.items()}


@pytest.fixture(scope="module")
def both(members, data):
    return combine("ldpf", [members["linear-probe"], members["ldpf"]], data)


def test_logits_are_calibrated_log_probabilities_weighed_by_shares(both, members, data):
    combined = replace(both, shares=(0.25, 0.75))
    first, second = (
        (member.logits(data.features) / temperature).log_softmax(dim=1)
        for member, temperature in zip(combined.members, combined.temperatures, strict=True)
    )
    assert torch.allclose(combined.logits(data.features), 0.25 * first + 0.75 * second, atol=1e-5)


def test_a_temperature_makes_the_factor_of_a_member_irrelevant(members, data):
    probe = members["linear-probe"]
    labels = data.labels.clone()
    labels[::4] = (labels[::4] + 1) % 3  # some answers are wrong, so no temperature is at a bound
    noisy = replace(data, labels=labels)
    sharp = replace(probe, weight=3 * probe.weight, bias=3 * probe.bias)
    plain, other = (combine("x", [member], noisy) for member in (probe, sharp))
    assert other.temperatures[0] == pytest.approx(3 * plain.temperatures[0], rel=1e-3)
    assert torch.allclose(plain.logits(data.features), other.logits(data.features), atol=1e-3)


def test_a_class_that_a_member_has_not_seen_has_the_log_probability_of_the_others():
    seen = torch.tensor([[1.0, 2.0, 3.0]])
    blind = torch.tensor([[0.0, 1.0, -torch.inf]])
    logits = add_log_probabilities([blind, seen], (1.0, 2.0), (0.5, 0.5))
    first, second = blind.log_softmax(dim=1), (seen / 2).log_softmax(dim=1)
    assert torch.allclose(logits[:, :2], (first + second)[:, :2] / 2)
    assert torch.allclose(logits[:, 2], second[:, 2])


@pytest.mark.parametrize("shares", [(0.5, 0.5), (1.0, 0.0)])
def test_a_class_that_nobody_with_a_share_has_seen_is_never_answered(shares):
    blind = torch.tensor([[0.0, 1.0, -torch.inf]])
    other = blind if shares[1] else torch.zeros(1, 3)
    logits = add_log_probabilities([blind, other], (1.0, 1.0), shares)
    assert logits[0, 2] == -torch.inf and torch.isfinite(logits[0, :2]).all()


def test_a_single_member_gives_its_own_probabilities(members, data):
    alone = combine("x", [members["ldpf"]], data)
    alone = replace(alone, temperatures=(1.0,))
    expected = members["ldpf"].probabilities(data.features)
    assert torch.allclose(alone.probabilities(data.features), expected, atol=1e-5)


def test_questions_about_prompts_go_to_the_member_that_has_them(both, members, data):
    prompts = members["ldpf"]
    assert both.n_domains == prompts.n_domains and both.latent is prompts.latent
    assert both.contexts is prompts.contexts
    for question in ("domain_weights", "prompt_logits"):
        expected = getattr(prompts, question)(data.features)
        assert torch.equal(getattr(both, question)(data.features), expected)


def test_another_fusion_rule_is_that_of_the_prompts(both, members, data):
    fused = both.with_fusion("uniform")
    expected = members["ldpf"].with_fusion("uniform").logits(data.features)
    assert torch.equal(fused.prompted.logits(data.features), expected)
    assert fused.members[0] is both.members[0] and fused.temperatures == both.temperatures


def test_without_prompts_there_is_nothing_to_fuse(members, data, tiny_clip):
    heads = combine("heads", [members["linear-probe"]] * 2, data)
    with pytest.raises(ModelError, match="linear-probe"):
        heads.with_fusion("uniform")
    with pytest.raises(ModelError, match="heads"):
        heads.for_classes(["zebra"], tiny_clip)


@pytest.mark.parametrize("pair", [("linear-probe", "ldpf"), ("zero-shot", "linear-probe")])
def test_a_model_folder_gives_the_same_answers(pair, members, data, tiny_clip, tmp_path):
    combined = combine("both", [members[name] for name in pair], data, shares=(0.3, 0.7))
    save_model(combined, tiny_clip, tmp_path)
    loaded, _ = load_model(tmp_path, tiny_clip)
    assert isinstance(loaded, CombinedClassifier)
    assert torch.allclose(loaded.logits(data.features), combined.logits(data.features), atol=1e-5)
    assert loaded.training == combined.training
    assert [member.method for member in loaded.members] == list(pair)


def test_an_instance_prompt_can_be_kept_as_a_member(members, data, tiny_clip, tmp_path):
    combined = combine("both", [members["cocoop"], members["linear-probe"]], data)
    save_model(combined, tiny_clip, tmp_path)
    loaded, _ = load_model(tmp_path, tiny_clip)
    assert torch.allclose(loaded.logits(data.features), combined.logits(data.features), atol=1e-5)


def test_a_class_without_images_is_kept_as_such(members, data, tiny_clip, tmp_path):
    probe = members["linear-probe"]
    bias = probe.bias.clone()
    bias[1] = -torch.inf
    combined = combine("both", [replace(probe, bias=bias), members["ldpf"]], data)
    save_model(combined, tiny_clip, tmp_path)
    loaded, _ = load_model(tmp_path, tiny_clip)
    assert isinstance(loaded, CombinedClassifier)
    assert (loaded.members[0].logits(data.features)[:, 1] == -torch.inf).all()
    assert torch.isfinite(loaded.logits(data.features)).all()


def test_new_class_names_fall_to_the_prompts(both, members, data, tiny_clip):
    names = [*reversed(data.class_names), "zebra"]
    more = both.for_classes(names, tiny_clip)
    prompts = members["ldpf"].for_classes(names, tiny_clip).logits(data.features)
    log_probability = (prompts / both.temperatures[1]).log_softmax(dim=1)
    assert torch.allclose(more.logits(data.features)[:, 3], log_probability[:, 3], atol=1e-5)
    expected = members["linear-probe"].logits(data.features).flip(1)
    assert torch.allclose(more.members[0].logits(data.features)[:, :3], expected, atol=1e-6)


def test_the_summary_tells_of_the_prompts_and_their_fusion(both, tiny_clip, tmp_path):
    save_model(both, tiny_clip, tmp_path)
    summary = ModelSummary.read(json.loads((tmp_path / "config.json").read_text("utf-8")))
    assert summary.learned_prompts and "similarity" in str(summary.fusion)


def test_the_summary_names_every_member_with_share_and_temperature(both, tiny_clip, tmp_path):
    combined = replace(both, shares=(0.3, 0.7), temperatures=(0.5, 2.5))
    save_model(combined, tiny_clip, tmp_path)
    summary = ModelSummary.read(json.loads((tmp_path / "config.json").read_text("utf-8")))
    told = dict(summary.facts())["Combined"].split("), ")
    assert all(word in told[0] for word in ("linear-probe", "30%", "0.5"))
    assert all(word in told[1] for word in ("ldpf", "70%", "2.5"))


@pytest.mark.parametrize(
    ("change", "word"), [({"kind": "forest"}, "'forest'"), ({"fusion": ...}, "fusion")]
)
def test_a_broken_member_is_named(change, word, both, tiny_clip, tmp_path):
    save_model(both, tiny_clip, tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    for key, value in change.items():
        del config["members"][1][key]
        if value is not ...:
            config["members"][1][key] = value
    path.write_text(json.dumps(config))
    with pytest.raises(ModelError, match=rf"1 .*{word}"):
        load_model(tmp_path, tiny_clip)


def test_the_exported_form_gives_the_same_probabilities(both, data):
    probabilities, weights = FeatureHead(both)(data.features)
    assert torch.allclose(probabilities, both.probabilities(data.features), atol=1e-5)
    assert torch.allclose(weights, both.domain_weights(data.features), atol=1e-5)


def test_a_member_that_needs_the_text_encoder_cannot_be_exported(members, data):
    combined = combine("both", [members["cocoop"], members["linear-probe"]], data)
    with pytest.raises(ModelError, match="'cocoop'"):
        combined.graph_head()


@pytest.mark.parametrize("shares", [(0.5,), (0.5, 0.6), (-0.5, 1.5)])
def test_shares_are_one_for_each_member_with_the_sum_one(shares, members):
    pair = (members["ldpf"], members["linear-probe"])
    with pytest.raises(SettingsError, match="shares"):
        CombinedClassifier("x", members["ldpf"].class_names, pair, (1.0, 1.0), shares)


def test_members_of_other_classes_are_refused(members):
    other = LinearClassifier("other", ("a", "b"), torch.zeros(2, 4), torch.zeros(2))
    pair = (members["ldpf"], other)
    with pytest.raises(SettingsError, match="'other'"):
        CombinedClassifier("x", members["ldpf"].class_names, pair, (1.0, 1.0), (0.5, 0.5))


def test_a_renamed_member_keeps_what_it_knows_of_the_class_from_images(tiny_backbone):
    probe = LinearClassifier("probe", ("cat", "dog"), torch.eye(2, 16), torch.zeros(2))
    both = CombinedClassifier("both", ("cat", "dog"), (probe,), (1.0,), (1.0,))
    renamed = both.renamed(("tabby", "dog"), tiny_backbone)
    assert renamed.class_names == ("tabby", "dog")
    assert torch.equal(renamed.members[0].weight, probe.weight)
    assert not renamed.reads_names
