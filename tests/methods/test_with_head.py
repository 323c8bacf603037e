from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ldpf.domains import DomainDiscovery
from ldpf.errors import SettingsError
from ldpf.heads import VISUAL_HEADS
from ldpf.heads.none import NoHead
from ldpf.methods import LDPF, METHODS, CoOp, ZeroShot, make_method
from ldpf.methods.with_head import add_head, closed_form_discovery
from ldpf.models.combined_classifier import CombinedClassifier
from ldpf.models.temperature import fit_temperature
from ldpf.training.recipe import FAST
from ldpf.utils.registry import part_settings

SHORT = replace(FAST, max_steps=2, cooldown=0)
# `auto` has heads among its members.
WITH_HEAD = [n for n in METHODS if METHODS.facts(n).get("prompts") and n != "auto"]


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(10), make_features(5, seed=1)


@pytest.mark.parametrize("name", WITH_HEAD)
def test_every_prompt_method_takes_a_head_by_its_name(name, data, tiny_clip):
    method = make_method(name, SHORT, settings={"head": "gda-balanced"})
    fitted = method.fit(*data, tiny_clip)
    assert isinstance(fitted, CombinedClassifier)
    assert [member.method for member in fitted.members] == [name, "gda-balanced"]
    assert fitted.method == name


@pytest.mark.parametrize("name", WITH_HEAD)
def test_no_head_is_the_default(name):
    assert make_method(name).head == NoHead()


def test_without_a_head_the_classifier_stays_as_it_is(data, tiny_clip):
    classifier = ZeroShot().fit(*data, tiny_clip)
    assert add_head(classifier, NoHead(), *data) is classifier


@pytest.mark.parametrize("kind", [CoOp, LDPF])
def test_the_prompts_are_those_of_the_method_without_a_head(kind, data, tiny_clip):
    alone = kind(recipe=SHORT).fit(*data, tiny_clip, seed=2)
    both = kind(recipe=SHORT, head="gda").fit(*data, tiny_clip, seed=2)
    features = data[1].features
    assert torch.equal(both.prompted.logits(features), alone.logits(features))
    assert both.training["steps"] == alone.training["steps"]


def test_both_are_calibrated_on_validation(data, tiny_clip):
    both = CoOp(recipe=SHORT, head="linear-probe").fit(*data, tiny_clip)
    judged = data[1]
    expected = [fit_temperature(m.logits(judged.features), judged.labels) for m in both.members]
    assert list(both.temperatures) == expected and both.shares == (0.5, 0.5)


def test_without_validation_images_the_training_images_calibrate(data, tiny_clip):
    train, none = data[0], data[0].subset(torch.arange(0))
    classifier = ZeroShot().fit(train, none, tiny_clip)
    both = add_head(classifier, VISUAL_HEADS.make("gda"), train, none)
    assert both.temperatures[0] == fit_temperature(classifier.logits(train.features), train.labels)


def test_a_balanced_head_takes_the_latent_domains_of_the_prompts(data, tiny_clip):
    both = LDPF(recipe=SHORT, head="gda-balanced").fit(*data, tiny_clip)
    train = data[0]
    head = VISUAL_HEADS.make("gda-balanced").fit(
        train.features, train.labels, both.latent.assign(train.features), n_classes=3
    )
    expected = head.logits(train.features).float()
    assert torch.allclose(both.members[1].logits(train.features), expected, atol=1e-3)


def test_a_balanced_head_beside_a_single_prompt_finds_latent_domains(data, tiny_clip):
    both = CoOp(recipe=SHORT, head="gda-balanced").fit(*data, tiny_clip, seed=4)
    train = data[0]
    discovery = DomainDiscovery(*data, closed_form_discovery(), 4)
    discovery.run()
    head = VISUAL_HEADS.make("gda-balanced").fit(
        train.features, train.labels, discovery.assignments, n_classes=3
    )
    expected = head.logits(train.features).float()
    assert torch.allclose(both.members[1].logits(train.features), expected, atol=1e-3)


def test_training_reports_the_accuracy_of_both_and_of_each(data, tiny_clip):
    both = CoOp(recipe=SHORT, head="gda").fit(*data, tiny_clip)
    judged = data[1]
    shown = both.training
    assert shown["validation_accuracy"] == both.accuracy(judged.features, judged.labels)
    for key, member in zip(("prompt", "head"), both.members, strict=True):
        expected = member.accuracy(judged.features, judged.labels)
        assert shown[f"{key}_validation_accuracy"] == expected


def test_the_settings_of_a_head_are_settings_of_the_method():
    settings = {"head": "gda-balanced", "head.shrinkage": 0.1}
    method = make_method("ldpf", settings=settings)
    assert part_settings(method)["head"] == {"name": "gda-balanced", "shrinkage": 0.1}


def test_an_unknown_head_is_named():
    with pytest.raises(SettingsError, match=r"'forest'.*gda-balanced"):
        LDPF(head="forest")
