"""Photos of each class at a site, from calibrated probabilities alone."""

from __future__ import annotations

import pytest
import torch

from ldpf.expectation.class_shares import expected_counts, missing_classes

EVEN = torch.full((3,), 1 / 3)


def calibrated(labels, seed=0):
    """Probabilities of photos of these classes: Bayes' rule on one noisy number for each class."""
    draws = torch.randn(len(labels), 3, generator=torch.Generator().manual_seed(seed))
    x = draws + 2.0 * torch.nn.functional.one_hot(labels, 3)
    # log N(x; 2 e_k, 1) up to what is the same for all classes.
    return (2.0 * x).softmax(dim=1)


def test_counts_are_those_of_the_photos_and_not_of_the_probabilities():
    labels = torch.tensor([0] * 300 + [1] * 100)
    p = calibrated(labels)
    counts = expected_counts(p, EVEN)
    assert counts.tolist() == pytest.approx([300, 100, 0], abs=25)
    # The plain sum gives the class that is not there a share.
    assert float(p.sum(dim=0)[2]) > 3 * float(counts[2]) + 10


def test_counts_add_up_to_the_photos():
    counts = expected_counts(calibrated(torch.tensor([0, 1, 2] * 20)), EVEN)
    assert float(counts.sum()) == pytest.approx(60)


def test_shares_of_the_training_images_are_not_taken_for_those_of_the_site():
    labels = torch.tensor([0] * 100 + [1] * 100 + [2] * 100)
    shares = torch.tensor([0.8, 0.1, 0.1])
    p = calibrated(labels) * shares
    counts = expected_counts(p / p.sum(dim=1, keepdim=True), shares)
    assert counts.tolist() == pytest.approx([100, 100, 100], abs=20)


def test_a_class_without_photos_is_missing():
    counts = torch.tensor([200.0, 199.0, 1.0])
    assert missing_classes(counts, EVEN, ("cat", "dog", "house")) == ["house"]


def test_of_a_rare_class_nothing_is_said():
    shares = torch.tensor([0.5, 0.499, 0.001])
    counts = torch.tensor([200.0, 200.0, 0.0])
    assert missing_classes(counts, shares, ("cat", "dog", "house")) == []


def test_fewer_photos_than_usual_are_no_missing_class():
    counts = torch.tensor([200.0, 170.0, 30.0])
    assert missing_classes(counts, EVEN, ("cat", "dog", "house")) == []
