from __future__ import annotations

import pytest
import torch

from ldpf.errors import ModelError
from ldpf.models.linear_classifier import LinearClassifier

WEIGHT = torch.tensor([[1.0, 0.0], [0.0, 2.0], [5.0, 5.0]])
BIAS = torch.tensor([0.5, -1.0, -torch.inf])
CLASSIFIER = LinearClassifier("probe", ("cat", "dog", "cow"), WEIGHT, BIAS)
IMAGES = torch.tensor([[1.0, 0.0], [0.0, 1.0]])


def test_logits_are_linear_in_the_features():
    assert CLASSIFIER.logits(IMAGES)[:, :2].tolist() == [[1.5, -1.0], [0.5, 1.0]]


def test_a_class_without_bias_is_never_answered():
    assert CLASSIFIER.logits(IMAGES).argmax(dim=1).tolist() == [0, 1]
    assert CLASSIFIER.probabilities(IMAGES)[:, 2].tolist() == [0.0, 0.0]


def test_probabilities_are_the_softmax_over_classes():
    expected = torch.softmax(torch.tensor([1.5, -1.0]), dim=0).tolist()
    assert CLASSIFIER.probabilities(IMAGES)[0, :2].tolist() == pytest.approx(expected)


def test_accuracy_is_the_share_of_right_answers():
    assert CLASSIFIER.accuracy(IMAGES, torch.tensor([0, 0])) == 0.5


def test_no_images_give_no_answers():
    assert CLASSIFIER.logits(torch.zeros(0, 2)).shape == (0, 3)


def test_there_are_no_prompts_to_fuse_by_another_rule():
    with pytest.raises(ModelError, match="'probe' classifier fuses no prompts"):
        CLASSIFIER.with_fusion("uniform")
