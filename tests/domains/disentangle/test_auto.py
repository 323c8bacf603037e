from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch

from ldpf.domains import DiscoverySettings, DomainDiscovery
from ldpf.domains.diagnosis import discovery_words
from ldpf.domains.disentangle.adversarial import Adversarial
from ldpf.domains.disentangle.auto import Auto
from ldpf.domains.disentangle.leace import Leace
from ldpf.domains.disentangle.overlap import Overlap
from ldpf.errors import SettingsError
from ldpf.methods.ldpf import LDPF
from ldpf.methods.overrides import with_settings

CLASSES = 6


def start(auto, features, labels):
    return auto.start(features, labels, CLASSES, torch.Generator().manual_seed(0))


def test_the_class_is_erased_where_class_and_domain_are_independent(drawn):
    features, labels = drawn(at_home=0)
    run = start(Auto(), features, labels)
    assert run.noted["erased"] is True
    expected = Leace().fit(features, labels, CLASSES)
    assert torch.equal(run.extractor(features), expected(features))


def test_nothing_is_erased_where_they_go_together_and_a_warning_says_so(drawn, caplog):
    features, labels = drawn(at_home=0.6)
    run = start(Auto(), features, labels)
    assert run.noted["erased"] is False
    assert torch.equal(run.extractor.matrix, torch.eye(20))
    assert "class and latent domain go together" in caplog.text
    assert "leace is switched off" in caplog.text
    assert f"{run.noted['overlap_class_nmi']:.2f}" in caplog.text


def test_the_adversary_is_switched_off_too(drawn, caplog):
    features, labels = drawn(at_home=0.6)
    run = start(Auto(eraser=Adversarial()), features, labels)
    assert not run.changes
    assert "adversarial is switched off" in caplog.text


def test_the_adversary_runs_where_nothing_speaks_against_it(drawn):
    features, labels = drawn(at_home=0)
    assert start(Auto(eraser=Adversarial()), features, labels).changes


def test_clusters_that_are_classes_do_not_switch_it_off(drawn):
    features, labels = drawn(at_home=0, of_class=6.0, of_domain=0.3)
    run = start(Auto(), features, labels)
    assert run.noted["overlap_class_nmi"] > 0.6
    assert run.noted["erased"] is True


@pytest.mark.parametrize("name", ["class_nmi", "removed", "within"])
def test_every_threshold_counts(name):
    overlap = Overlap(class_nmi=0.4, removed=0.5, within=0.6)
    assert Auto().go_together(overlap)
    assert not Auto(**{name: 0.7}).go_together(overlap)


@pytest.mark.parametrize("rows", [slice(0, 20), slice(0, 1)])
def test_too_few_images_are_not_judged(drawn, rows, caplog):
    caplog.set_level(logging.INFO, logger="ldpf")
    features, labels = drawn(at_home=0.9)
    run = start(Auto(), features[rows], labels[rows])
    assert run.noted == {"erased": True, "overlap_class_nmi": None, "overlap_removed": None}
    assert "too few images" in caplog.text


def test_it_cannot_switch_itself_off():
    with pytest.raises(SettingsError, match="eraser='auto'"):
        Auto(eraser=Auto())


def test_a_discovery_measures_it_and_says_so(drawn, make_features):
    features, labels = drawn(at_home=0.6, n=900)
    train = replace(make_features(100), features=features, labels=labels)
    train = replace(train, class_names=tuple("abcdef"))
    settings = DiscoverySettings(disentangle=Auto())
    discovery = DomainDiscovery(train, train.subset([]), settings, 0)
    discovery.run()
    measured = discovery.measure()
    assert measured["erased"] is False
    assert any("so it was not erased" in words for words in discovery_words(measured))


def test_one_word_chooses_it():
    method = with_settings(LDPF(), {"disentangle": "auto", "disentangle.eraser": "adversarial"})
    assert isinstance(method.discovery.disentangle, Auto)
    assert isinstance(method.discovery.disentangle.eraser, Adversarial)
