"""Photos of each class at a site, from calibrated probabilities alone."""

from __future__ import annotations

import pytest
import torch

from ldpf.expectation.class_shares import expected_counts, likeness, missing_classes

EVEN = torch.full((3,), 1 / 3)


def calibrated(labels, seed=0, apart=2.0):
    """Probabilities of photos of these classes: Bayes' rule on one noisy number for each class."""
    draws = torch.randn(len(labels), 3, generator=torch.Generator().manual_seed(seed))
    x = draws + apart * torch.nn.functional.one_hot(labels, 3)
    # log N(x; a e_k, 1) up to what is the same for all classes.
    return (apart * x).softmax(dim=1)


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


NAMES = ("cat", "dog", "house")


def test_a_class_without_photos_is_missing():
    p = calibrated(torch.tensor([0] * 200 + [1] * 200), apart=4.0)
    assert missing_classes(p, expected_counts(p, EVEN), EVEN, NAMES) == ["house"]


def test_a_class_of_a_few_sure_photos_is_not_missing_where_its_expected_count_is():
    """What expectation maximization makes of a class with too little probability elsewhere."""
    p = calibrated(torch.tensor([0] * 200 + [1] * 200), apart=4.0)
    p[:14] = torch.tensor([0.2, 0.2, 0.6])  # a tenth of the 133 expected
    counts = torch.tensor([200.0, 199.0, 1.0])
    assert missing_classes(p, counts, EVEN, NAMES) == []
    p[:2] = torch.tensor([0.5, 0.5, 0.0])
    assert missing_classes(p, counts, EVEN, NAMES) == []
    p[2:9] = torch.tensor([0.4, 0.4, 0.2])
    assert missing_classes(p, counts, EVEN, NAMES) == ["house"]


def test_likeness_is_of_a_tenth_of_the_photos_expected():
    p = torch.tensor([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.4, 0.6]] * 10)
    even = torch.tensor([0.5, 0.5])  # 20 photos expected of each: the surest 2
    assert likeness(p, even).tolist() == pytest.approx([0.9, 0.8])
    uneven = torch.tensor([1.0, 0.01])  # 4 photos expected, and at least 1
    p[0] = torch.tensor([0.0, 1.0])
    assert likeness(p, uneven).tolist() == pytest.approx([0.9, 1.0])
    whole = torch.tensor([0.5, 6.0])  # 24 photos: 1, ten of 0.8, ten of 0.6, three of 0.3
    assert float(likeness(p, whole)[1]) == pytest.approx((1 + 8 + 6 + 0.9) / 24)


def test_of_a_rare_class_nothing_is_said():
    shares = torch.tensor([0.5, 0.49, 0.01])
    p = calibrated(torch.tensor([0] * 200 + [1] * 200), apart=4.0)
    counts = torch.tensor([200.0, 200.0, 0.0])
    assert missing_classes(p, counts, shares, NAMES) == []


def test_fewer_photos_than_usual_are_no_missing_class():
    p = calibrated(torch.tensor([0] * 200 + [1] * 200), apart=4.0)
    counts = torch.tensor([200.0, 170.0, 30.0])
    assert missing_classes(p, counts, EVEN, NAMES) == []
