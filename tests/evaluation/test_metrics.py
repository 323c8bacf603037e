from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ldpf.evaluation.metrics import (
    accuracy,
    confusion_counts,
    oracle_logits,
    oracle_predictions,
    per_class_accuracy,
)
from ldpf.models.prompt_classifier import PromptClassifier
from ldpf.utils.seed import generator

LABELS = torch.tensor([0, 0, 1, 1, 1, 3])
PREDICTIONS = torch.tensor([0, 1, 1, 1, 3, 3])


def test_accuracy_is_the_share_of_right_answers():
    assert accuracy(PREDICTIONS, LABELS) == 4 / 6


def test_accuracy_keeps_every_image_of_a_large_set():
    labels = torch.zeros(2**25 + 1, dtype=torch.int8)
    predictions = labels.clone()
    predictions[0] = 1
    assert accuracy(predictions, labels) == 2**25 / (2**25 + 1)


def test_per_class_accuracy_is_that_of_each_class_alone():
    assert per_class_accuracy(PREDICTIONS, LABELS, 4) == [1 / 2, 2 / 3, None, 1.0]


def test_confusion_counts_have_true_classes_as_rows():
    assert confusion_counts(PREDICTIONS, LABELS, 4) == [
        [1, 1, 0, 0],
        [0, 2, 0, 1],
        [0, 0, 0, 0],
        [0, 0, 0, 1],
    ]


def test_confusion_counts_hold_for_a_set_without_the_last_class():
    counts = confusion_counts(torch.tensor([0]), torch.tensor([1]), 3)
    assert counts == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]


@pytest.fixture
def classifier():
    text = torch.randn(4, 5, 8, generator=generator(0, "texts"))
    names = tuple("abcde")
    return PromptClassifier("ldpf", names, F.normalize(text, dim=-1), 20.0)


@pytest.fixture
def images():
    draws = generator(0, "images")
    features = F.normalize(torch.randn(60, 8, generator=draws), dim=-1)
    return features, torch.randint(5, (60,), generator=draws)


def test_the_oracle_is_right_where_any_prompt_is(classifier, images):
    features, labels = images
    found = oracle_predictions(classifier, features, labels)
    for feature, label, answer in zip(features, labels, found, strict=True):
        votes = [int((text @ feature).argmax()) for text in classifier.text_features]
        assert int(answer) == (int(label) if int(label) in votes else votes[0])


def test_the_logits_of_the_oracle_are_those_of_the_prompt_it_picks(classifier, images):
    features, labels = images
    found = oracle_logits(classifier, features, labels)
    each = classifier.prompt_logits(features)  # [N, S, K]
    for row, prompts, label in zip(found, each, labels, strict=True):
        right = [logits for logits in prompts if int(logits.argmax()) == int(label)]
        assert torch.equal(row, (right or [prompts[0]])[0])


def test_the_oracle_is_at_least_as_good_as_every_prompt(classifier, images):
    features, labels = images
    best = accuracy(oracle_predictions(classifier, features, labels), labels)
    each = [
        accuracy((features @ text.T).argmax(dim=1), labels) for text in classifier.text_features
    ]
    assert best > max(each)


def test_the_oracle_of_one_prompt_is_that_prompt(classifier, images):
    features, labels = images
    single = PromptClassifier("coop", classifier.class_names, classifier.text_features[:1], 20.0)
    expected = single.logits(features).argmax(dim=1)
    assert torch.equal(oracle_predictions(single, features, labels), expected)


def test_the_oracle_works_through_many_images_in_parts(classifier, images):
    features, labels = (part.repeat(80, *[1] * (part.ndim - 1)) for part in images)
    assert len(features) > 4096
    few = oracle_predictions(classifier, *images)
    assert torch.equal(oracle_predictions(classifier, features, labels), few.repeat(80))
