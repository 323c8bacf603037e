from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ldpf.domains import DomainExtractor, FittedDomains
from ldpf.errors import SettingsError
from ldpf.evaluation.metrics import oracle_predictions
from ldpf.experiments.readouts import READOUTS, Readout, get_readout, readouts_of
from ldpf.fusion import FUSION_RULES
from ldpf.fusion.similarity import Similarity
from ldpf.methods import METHODS
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


def test_every_method_can_be_read_out_as_it_is():
    for name in METHODS:
        assert READOUTS[name] == Readout(name)


def test_readouts_name_methods_and_rules_that_exist():
    for readout in READOUTS.values():
        assert readout.trained_as in METHODS
        assert readout.fusion is None or readout.fusion in FUSION_RULES


def test_only_the_oracle_uses_true_labels(classifier, images):
    features, labels = images
    for readout in READOUTS.values():
        first = readout.predict(classifier, features, labels)
        second = readout.predict(classifier, features, (labels + 1) % 4)
        assert torch.equal(first, second) == (not readout.oracle)
    oracles = {name for name, readout in READOUTS.items() if readout.oracle}
    assert oracles == {"ldpf-oracle", "random-oracle"}


@pytest.mark.parametrize("fusion", ["uniform", "nearest"])
def test_a_fusion_readout_is_the_same_prompts_under_that_rule(fusion, classifier, images):
    features, labels = images
    expected = classifier.with_fusion(fusion).logits(features).argmax(dim=1)
    found = READOUTS[f"ldpf-{fusion}"].predict(classifier, features, labels)
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
    assert torch.equal(readout.answer(classifier, *images)[1], confidence)


def test_the_rule_that_ldpf_declares_is_its_own():
    assert METHODS.facts("ldpf")["fusion"] == METHODS.make("ldpf").fusion.registered_name
    assert "ldpf-similarity" not in READOUTS


def test_a_trainings_readouts_begin_with_the_method_itself():
    for name in METHODS:
        names = list(readouts_of(name))
        assert names[0] == name
        assert all(READOUTS[other].trained_as == name for other in names)


@pytest.mark.parametrize("name", READOUTS)
def test_every_readout_says_what_it_is(name):
    assert READOUTS[name].summary()


def test_an_unknown_readout_is_named_with_the_choices():
    with pytest.raises(SettingsError) as caught:
        get_readout("ldfp-oracle")
    assert "'ldfp-oracle'" in str(caught.value)
    assert "Did you mean 'ldpf-oracle'" in str(caught.value)
    assert all(name in str(caught.value) for name in READOUTS)
