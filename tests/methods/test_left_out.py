"""Answers on latent domains left out in turn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ldpf.errors import SettingsError
from ldpf.heads.linear_probe import LogisticProbe
from ldpf.methods import METHODS, auto, make_method
from ldpf.methods.auto import Auto
from ldpf.methods.choice import ENSEMBLE
from ldpf.methods.left_out import (
    in_a_fold,
    latent_groups,
    left_out_answers,
    left_out_classifiers,
)
from ldpf.methods.linear_probe import LinearProbe
from ldpf.models.combining import combine
from ldpf.training.recipe import FAST

SHORT = replace(FAST, max_steps=10, cooldown=2, patience=6, round_every=3, evaluate_every=2)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(6, seed=0), make_features(3, seed=1)


def fitted(name, data, backbone, **settings):
    method = make_method(name, SHORT, settings=settings)
    return method, method.fit(*data, backbone)


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_every_image_is_answered_once_by_every_method(name, data, tiny_clip):
    method, classifier = fitted(name, data, tiny_clip)
    answers = left_out_answers(method, classifier, *data, tiny_clip, steps=4)
    images = data[0].joined(data[1])
    assert answers.logits.shape == (len(images), 3) and torch.isfinite(answers.logits).all()
    assert sorted(answers.indices.tolist()) == list(range(len(images)))
    assert torch.equal(answers.labels, images.labels[answers.indices])
    assert len(answers.groups.unique()) == 3


def test_groups_are_the_latent_domains_of_the_images(data, tiny_clip):
    answers = left_out_answers(*fitted("gda", data, tiny_clip), *data, tiny_clip)
    train, validation, n_groups = latent_groups(*data)
    assert n_groups == 3
    assert torch.equal(answers.groups, torch.cat([train, validation])[answers.indices])


def test_a_head_is_fitted_to_the_other_latent_domains(data, tiny_clip):
    method, classifier = fitted("gda", data, tiny_clip)
    for item in left_out_classifiers(method, classifier, *data, tiny_clip):
        alone = method.fit(item.fold.train, item.fold.validation, tiny_clip)
        images = item.fold.judged.features
        assert torch.equal(item.classifier.logits(images), alone.logits(images))
        assert not torch.equal(item.classifier.logits(images), classifier.logits(images))


def test_prompts_of_a_latent_domain_do_not_answer_its_images(data, tiny_clip):
    method, classifier = fitted("ldpf", data, tiny_clip)
    for item in left_out_classifiers(method, classifier, *data, tiny_clip):
        images = item.fold.judged.features
        own = int(classifier.latent.assign(images).mode().values)
        weights = item.classifier.domain_weights(images)
        assert (weights[:, own] == 0).all() and (weights.sum(dim=1) - 1).abs().max() < 1e-5
        assert item.classifier.training["text_passes"] == 0


@pytest.mark.slow
def test_prompts_that_saw_a_burst_of_the_images_do_not_answer_them(data, tiny_clip):
    """A burst over two latent domains: the folds of both have prompts of their own."""
    train, validation = data
    of_image = latent_groups(*data)[0]
    groups = np.full(len(train), "", dtype="U5")
    groups[[int((of_image == domain).nonzero()[0]) for domain in (0, 1)]] = "burst"
    train = replace(train, groups=groups)
    validation = replace(validation, groups=np.full(len(validation), ""))
    method, classifier = fitted("ldpf", (train, validation), tiny_clip)
    left_out = left_out_classifiers(method, classifier, train, validation, tiny_clip, steps=4)
    assert [item.fold.aside is not None for item in left_out] == [True, True, False]
    for item in left_out:
        trained = item.classifier.training["text_passes"] > 0
        assert trained == (item.fold.aside is not None)


def test_a_head_beside_prompts_is_fitted_to_the_fold_too(data, tiny_clip):
    method, classifier = fitted("ldpf", data, tiny_clip, head="linear-probe")
    for item in left_out_classifiers(method, classifier, *data, tiny_clip):
        prompts, head = item.classifier.members
        images = item.fold.judged.features
        assert prompts.domain_weights(images).min(dim=1).values.max() == 0
        fold = item.fold.train
        alone = LogisticProbe().fit(fold.features, fold.labels, n_classes=3)
        assert torch.allclose(head.logits(images).double(), alone.logits(images), atol=1e-3)


def test_a_prompt_without_latent_domains_is_trained_shortly_in_each_fold(data, tiny_clip):
    method, classifier = fitted("coop", data, tiny_clip)
    for item in left_out_classifiers(method, classifier, *data, tiny_clip, steps=3):
        assert item.classifier.training["steps"] == 3
        assert not torch.equal(item.classifier.contexts, classifier.contexts)


def test_what_learns_nothing_answers_as_it_is(data, tiny_clip):
    method, classifier = fitted("zero-shot", data, tiny_clip)
    answers = left_out_answers(method, classifier, *data, tiny_clip)
    whole = classifier.logits(data[0].joined(data[1]).features)
    assert torch.allclose(answers.logits, whole[answers.indices], atol=1e-4)


@pytest.mark.slow
def test_the_ensemble_of_auto_is_made_of_its_members_in_the_fold(data, tiny_clip):
    method = Auto(recipe=SHORT, margin=1e9)
    classifier = method.fit(*data, tiny_clip)
    assert classifier.training["auto"]["chosen"] == ENSEMBLE
    for item in left_out_classifiers(method, classifier, *data, tiny_clip):
        members = [
            method.candidate(name, 3).left_out(member, item.fold, tiny_clip)
            for name, member in zip(method.members, classifier.members, strict=True)
        ]
        images = item.fold.judged.features
        expected = combine("auto", members, item.fold.validation, classifier.shares).logits(images)
        assert torch.allclose(item.classifier.logits(images), expected, atol=1e-5)


def test_one_latent_domain_leaves_nothing_out(data, tiny_clip):
    method, classifier = fitted("gda", data, tiny_clip)
    settings = replace(make_method("gda-balanced").discovery, n_domains=1)
    answers = left_out_answers(method, classifier, *data, tiny_clip, settings)
    assert len(answers) == 0 and answers.logits.shape == (0, 3) and answers.accuracies() == {}


def test_a_latent_domain_that_cannot_be_left_out_has_no_answers(data, tiny_clip, monkeypatch):
    method, classifier = fitted("linear-probe", data, tiny_clip)
    original = LinearProbe.fit

    calls = []

    def refuse(self, *arguments, **named):
        calls.append(1)
        if len(calls) == 2:
            raise SettingsError("Too few.")
        return original(self, *arguments, **named)

    monkeypatch.setattr(LinearProbe, "fit", refuse)
    answers = left_out_answers(method, classifier, *data, tiny_clip)
    assert answers.groups.unique().tolist() == [0, 2]


def test_accuracies_are_those_of_each_latent_domain(data, tiny_clip):
    answers = left_out_answers(*fitted("gda", data, tiny_clip), *data, tiny_clip)
    for group, accuracy in answers.accuracies().items():
        rows = answers.groups == group
        right = (answers.logits[rows].argmax(dim=1) == answers.labels[rows]).double()
        assert accuracy == pytest.approx(float(right.mean()))


def test_a_fold_has_a_latent_domain_less_and_few_steps():
    method = in_a_fold(make_method("ldpf", SHORT, n_domains=3), 50, steps=7)
    assert (method.discovery.n_domains, method.recipe.max_steps) == (2, 7)
    assert in_a_fold(make_method("ldpf", SHORT, n_domains=1), 50).discovery.n_domains == 1
    assert in_a_fold(make_method("gda-balanced"), 50).discovery.n_domains == 2


@pytest.mark.slow
@pytest.mark.parametrize("chosen", ["gda", "ldpf-auto", "ldpf+gda-balanced"])
def test_a_candidate_that_auto_chose_alone_is_left_out_as_it_is(
    chosen, data, tiny_clip, monkeypatch
):
    monkeypatch.setattr(auto, "choose", lambda table, margin: (chosen, "for a test"))
    method = Auto(recipe=SHORT)
    classifier = method.fit(*data, tiny_clip)
    for item in left_out_classifiers(method, classifier, *data, tiny_clip):
        alone = method.candidate(chosen, 3).left_out(classifier, item.fold, tiny_clip)
        images = item.fold.judged.features
        assert torch.equal(item.classifier.logits(images), alone.logits(images))
        assert not torch.equal(item.classifier.logits(images), classifier.logits(images))
