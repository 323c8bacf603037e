from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ldpf.domains import DomainExtractor, FittedDomains
from ldpf.errors import SettingsError
from ldpf.evaluation.metrics import oracle_predictions
from ldpf.experiments.readouts import (
    READOUTS,
    Readout,
    TrainedOn,
    get_readout,
    readout_summaries,
    readouts_of,
)
from ldpf.fusion import FUSION_RULES
from ldpf.fusion.similarity import Similarity
from ldpf.heads import VISUAL_HEADS
from ldpf.methods import METHODS
from ldpf.methods.with_head import add_head
from ldpf.models.prompt_classifier import PromptClassifier
from ldpf.utils.seed import generator


@pytest.fixture
def classifier():
    text = F.normalize(torch.randn(3, 4, 8, generator=generator(0, "texts")), dim=-1)
    extractor = DomainExtractor(8, 6, 4, generator(0, "extractor"))
    latent = FittedDomains(extractor, torch.randn(3, 4, generator=generator(0, "centroids")))
    return PromptClassifier(
        "ldpf", tuple("abcd"), text, 20.0, latent=latent, fusion=Similarity(tau=1.0)
    )


@pytest.fixture
def images():
    draws = generator(0, "images")
    features = F.normalize(torch.randn(80, 8, generator=draws), dim=-1)
    return features, torch.randint(4, (80,), generator=draws)


class NarrowClip:
    """A backbone's text side with features as short as those of `classifier`."""

    def encode_texts(self, texts):
        draws = [torch.randn(8, generator=generator(0, text)) for text in texts]
        return F.normalize(torch.stack(draws), dim=-1)


@pytest.fixture
def narrow_clip():
    return NarrowClip()


@pytest.fixture
def learned_from(make_features, narrow_clip):
    draws = [make_features(6, n_classes=4, dim=8, seed=seed) for seed in range(2)]
    draws = [replace(drawn, class_names=tuple("abcd")) for drawn in draws]
    return TrainedOn(*draws, narrow_clip, seed=3)


@pytest.mark.parametrize("rule", [rule for rule in FUSION_RULES if rule != "similarity"])
def test_every_other_rule_is_read_off_fitted_to_the_images_of_the_training(
    rule, classifier, images, learned_from
):
    readout = READOUTS[f"ldpf-{rule}"]
    train, validation = learned_from.train, learned_from.validation
    backbone = learned_from.backbone
    expected = classifier.fit_fusion(rule, train, validation, backbone, seed=3).logits(images[0])
    found = readout.reader(classifier, learned_from).logits(images[0])
    assert torch.equal(found, expected)


HEADS = [head for head in VISUAL_HEADS if head != "none"]


@pytest.mark.parametrize("head", HEADS)
def test_every_head_is_read_off_fitted_to_the_images_of_the_training(
    head, classifier, images, learned_from
):
    readout = READOUTS[f"ldpf+{head}"]
    assert readout.learns and head in readout.summary()
    train, validation = learned_from.train, learned_from.validation
    expected = add_head(classifier, VISUAL_HEADS.make(head), train, validation, seed=3)
    found = readout.reader(classifier, learned_from)
    assert torch.equal(found.logits(images[0]), expected.logits(images[0]))
    # A method that has a head already is read off with the other in its place.
    again = readout.reader(expected, learned_from)
    assert torch.equal(again.logits(images[0]), expected.logits(images[0]))


def test_a_head_is_no_read_out_without_the_images_of_the_training(classifier):
    with pytest.raises(SettingsError, match=r"'gda'.*train with head=gda"):
        READOUTS["ldpf+gda"].reader(classifier)


def test_heads_are_read_off_methods_that_say_so():
    with_head = {item.trained_as for item in READOUTS.values() if item.head is not None}
    assert with_head == {name for name in METHODS if METHODS.facts(name).get("heads")}
    assert {"ldpf", "coop"} <= with_head


def test_a_model_with_a_head_is_read_off_by_other_rules_beside_it(classifier, images, learned_from):
    train, validation = learned_from.train, learned_from.validation
    both = add_head(classifier, VISUAL_HEADS.make("gda"), train, validation)
    reader = READOUTS["ldpf-gate"].reader(both, learned_from)
    gated = classifier.fit_fusion("gate", train, validation, seed=3)
    assert torch.equal(reader.prompted.logits(images[0]), gated.logits(images[0]))
    assert reader.temperatures == both.temperatures and reader.shares == both.shares


def test_every_method_can_be_read_out_as_it_is():
    for name in METHODS:
        assert READOUTS[name] == Readout(name)


def test_readouts_name_methods_and_rules_that_exist():
    for readout in READOUTS.values():
        assert readout.trained_as in METHODS
        assert readout.fusion is None or readout.fusion in FUSION_RULES


@pytest.mark.slow
def test_only_the_oracle_uses_true_labels(classifier, images, learned_from):
    features, labels = images
    for readout in READOUTS.values():
        reader = readout.reader(classifier, learned_from)
        first = readout.predict(reader, features, labels)
        second = readout.predict(reader, features, (labels + 1) % 4)
        assert torch.equal(first, second) == (not readout.oracle)
    oracles = {name for name, readout in READOUTS.items() if readout.oracle}
    assert oracles == {"ldpf-oracle", "random-oracle"}


@pytest.mark.parametrize("fusion", ["uniform", "nearest"])
def test_a_fusion_readout_is_the_same_prompts_under_that_rule(fusion, classifier, images):
    features, labels = images
    expected = classifier.with_fusion(fusion).logits(features).argmax(dim=1)
    readout = READOUTS[f"ldpf-{fusion}"]
    found = readout.predict(readout.reader(classifier), features, labels)
    assert torch.equal(found, expected)
    assert not torch.equal(found, READOUTS["ldpf"].predict(classifier, features, labels))


def test_the_method_itself_keeps_its_own_rule(classifier, images):
    features, labels = images
    own = classifier.with_fusion("nearest")
    found = READOUTS["ldpf"].predict(own, features, labels)
    assert torch.equal(found, own.logits(features).argmax(dim=1))


def test_the_oracle_readout_is_the_oracle(classifier, images):
    features, labels = images
    found = READOUTS["ldpf-oracle"].predict(classifier, features, labels)
    assert torch.equal(found, oracle_predictions(classifier, features, labels))


def test_the_random_oracle_is_the_oracle_over_a_random_split():
    assert READOUTS["random-oracle"] == replace(READOUTS["ldpf-oracle"], trained_as="ldpf-random")


def test_a_new_fusion_rule_is_read_off_by_itself(monkeypatch):
    monkeypatch.setitem(FUSION_RULES._entries, "soft", lambda: Similarity(tau=7.0))
    assert READOUTS["ldpf-soft"] == Readout("ldpf", "soft")
    assert "ldpf-soft" in readouts_of("ldpf")
    assert "soft" in READOUTS["ldpf-soft"].summary()


def test_a_rule_that_only_this_process_knows_is_sent_along(classifier, images, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(FUSION_RULES._entries, "soft", lambda: Similarity(tau=7.0))
        readout = pickle.loads(pickle.dumps(readouts_of("ldpf")["ldpf-soft"]))
    expected = classifier.with_fusion(Similarity(tau=7.0)).logits(images[0])
    confidence = expected.softmax(dim=1).max(dim=1).values
    assert torch.equal(readout.answer(readout.reader(classifier), *images)[1], confidence)


def test_the_rule_that_ldpf_declares_is_its_own():
    assert METHODS.facts("ldpf")["fusion"] == METHODS.make("ldpf").fusion.registered_name
    assert "ldpf-similarity" not in READOUTS


@pytest.mark.slow
def test_a_trainings_readouts_begin_with_the_method_itself():
    for name in METHODS:
        names = list(readouts_of(name))
        assert names[0] == name
        assert all(READOUTS[other].trained_as == name for other in names)


@pytest.mark.parametrize("name", READOUTS)
def test_every_readout_says_what_it_is(name):
    assert READOUTS[name].summary()


def test_summaries_name_every_method_rule_and_head_once():
    summaries = readout_summaries()
    assert {name for name in summaries if "-RULE" not in name and "+HEAD" not in name} == {
        name for name, item in READOUTS.items() if item.fusion is None and item.head is None
    }
    (rules,) = [words for names, words in summaries.items() if "ldpf-RULE" in names]
    assert all(f" {rule}," in f"{rules[:-1]}," for rule in FUSION_RULES if rule != "similarity")
    (heads,) = [words for names, words in summaries.items() if "coop+HEAD" in names]
    assert all(f" {head}," in f"{heads[:-1]}," for head in HEADS)


def test_an_unknown_readout_is_named_with_the_choices():
    with pytest.raises(SettingsError) as caught:
        get_readout("ldfp-oracle")
    assert "'ldfp-oracle'" in str(caught.value)
    assert "Did you mean 'ldpf-oracle'" in str(caught.value)
    assert all(name in str(caught.value) for name in READOUTS)
