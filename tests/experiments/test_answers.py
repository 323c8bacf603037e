"""Read-outs of one training; what each of them is stands in test_readouts.py."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch

from ldpf.experiments.answers import answers_of
from ldpf.experiments.episode import Episode
from ldpf.experiments.readouts import TrainedOn, readouts_of
from ldpf.methods import make_method
from ldpf.training.recipe import FAST


@pytest.fixture(scope="module")
def episode(make_features):
    train, validation, test = (make_features(6, seed=seed) for seed in range(3))
    sources = train.domains != 2
    kept = validation.domains != 2
    return Episode(
        "sketch", 1, train.subset(sources), validation.subset(kept), test.subset(test.domains == 2)
    )


@pytest.fixture(scope="module")
def classifier(episode, tiny_clip):
    method = make_method("ldpf", replace(FAST, max_steps=6, cooldown=1, round_every=2))
    return method.fit(episode.train, episode.validation, tiny_clip, seed=1)


@pytest.mark.slow
def test_rules_that_learn_are_fitted_to_the_training_images(episode, classifier, tiny_clip):
    _, answers, confidence = answers_of(readouts_of("ldpf"), classifier, episode, tiny_clip)
    sources = TrainedOn(episode.train, episode.validation, tiny_clip, 1)
    for name, readout in readouts_of("ldpf").items():
        reader = readout.reader(classifier, sources)
        expected = readout.answer(reader, episode.test.features, episode.test.labels)
        assert torch.equal(answers[name], expected[0])
        assert (name in confidence) == (not readout.oracle)


@pytest.mark.slow
def test_the_labels_of_the_target_change_no_answer(episode, classifier, tiny_clip):
    other = replace(episode, test=replace(episode.test, labels=(episode.test.labels + 1) % 3))
    _, first, _ = answers_of(readouts_of("ldpf"), classifier, episode, tiny_clip)
    _, second, _ = answers_of(readouts_of("ldpf"), classifier, other, tiny_clip)
    for name, readout in readouts_of("ldpf").items():
        assert readout.oracle or torch.equal(first[name], second[name])


@pytest.mark.slow
def test_only_what_was_asked_for_says_what_it_has_chosen(episode, classifier, tiny_clip, caplog):
    with caplog.at_level(logging.INFO, logger="ldpf"):
        answers_of(readouts_of("ldpf"), classifier, episode, tiny_clip, aloud=("ldpf",))
        assert caplog.messages == []
        answers_of(readouts_of("ldpf"), classifier, episode, tiny_clip, aloud=("ldpf-auto",))
    assert any(message.startswith("fusion auto:") for message in caplog.messages)
