from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ldpf.doctor import Case, NotMeasured, Status
from ldpf.doctor.signs.label_errors import (
    confident_class,
    cross_validated,
    surest_of_each,
    suspects,
)


def test_a_class_counts_from_the_mean_probability_of_its_own_images():
    probabilities = torch.tensor([[0.9, 0.1], [0.7, 0.3], [0.3, 0.7], [0.2, 0.8], [0.78, 0.22]])
    labels = torch.tensor([0, 0, 1, 1, 1])
    # Class 0 counts from 0.8 on and class 1 from (0.7 + 0.8 + 0.22) / 3 = 0.573.
    assert confident_class(probabilities, labels).tolist() == [0, -1, 1, 1, -1]


def test_of_two_classes_that_count_the_likelier_one_is_meant():
    probabilities = torch.tensor([[0.5, 0.5, 0.0], [0.2, 0.2, 0.6], [0.45, 0.55, 0.0]])
    assert confident_class(probabilities, torch.tensor([0, 1, 2])).tolist() == [0, 2, 1]


def test_a_class_without_images_counts_for_none():
    probabilities = torch.tensor([[0.1, 0.9], [0.6, 0.4]])
    assert confident_class(probabilities, torch.tensor([0, 0])).tolist() == [-1, 0]


def test_the_least_likely_label_is_named_first(one_hot):
    images = one_hot([0, 0, 1, 1], [0, 1, 1, 0])
    probabilities = torch.tensor(
        [[0.9, 0.1, 0.0], [0.95, 0.05, 0.0], [0.1, 0.9, 0.0], [0.2, 0.8, 0.0]]
    )
    rows, lines = suspects(images, probabilities)
    assert rows == [1, 3]
    assert lines[0] == "1.png: labeled 'dog', probably 'cat' (probability of the label 5.0%)"


@pytest.mark.slow
def test_no_image_is_judged_by_a_probe_that_saw_it(make_features):
    """With a feature of its own, an image could be learned by heart but not foreseen."""
    images = make_features(30)
    probabilities = cross_validated(
        images.features, images.labels, torch.zeros_like(images.labels), seed=0
    )
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(270, dtype=torch.double))
    alone = torch.eye(270)
    drawn = torch.randint(2, (270,), generator=torch.Generator().manual_seed(0))
    blind = cross_validated(alone, drawn, torch.zeros_like(drawn), seed=0)
    assert float((blind.argmax(dim=1) == drawn).float().mean()) < 0.6


def test_one_class_with_two_images_is_not_enough():
    with pytest.raises(NotMeasured, match="fewer than two classes with two images"):
        cross_validated(torch.eye(4), torch.tensor([0, 0, 0, 1]), torch.zeros(4).long(), seed=0)


def test_few_images_are_not_measured(say, linear, make_features):
    found = say("label-errors", Case(linear(3, 16), train=make_features(8)))
    assert found.status is Status.NOT_MEASURED
    assert found.words == "72 images are too few to tell hard ones from wrong ones"


def test_the_surest_of_each_class_are_looked_at():
    confidence = torch.tensor([0.9, 0.8, 0.7, 0.99, 0.6])
    answers = torch.tensor([0, 0, 0, 2, 2])
    assert sorted(surest_of_each(confidence, answers, 0.5).tolist()) == [0, 1, 3]
    assert sorted(surest_of_each(confidence, answers, 0.1).tolist()) == [0, 3]


def test_wrong_labels_of_one_class_alone_are_found(say, linear, make_features):
    images = make_features(40)
    wrong = list(range(0, 360, 15))
    labels = images.labels.clone()
    labels[wrong] = (labels[wrong] + 1) % 3
    case = Case(linear(3, 16), train=replace(images, labels=labels))
    found = say("label-errors", case)
    assert found.status is Status.SERIOUS
    named = {int(line.split(".")[0]) for line in found.details}
    assert len(named) == 10 and named <= set(wrong)


def test_many_images_are_sampled(say, linear, make_features):
    case = Case(linear(3, 16), train=make_features(80), most_images=200)
    assert "of the 51 images" in say("label-errors", case).words
    assert "of the 72 images" in say("label-errors", replace(case, most_images=720)).words


def test_a_burst_with_one_wrong_label_is_no_witness_for_itself():
    """Copies of a mislabeled image would confirm its label from the other folds."""
    draws = torch.Generator().manual_seed(3)
    centers = torch.eye(2, 8)
    labels = torch.arange(80) % 2
    features = centers[labels] + 0.3 * torch.randn(80, 8, generator=draws)
    burst = (centers[0] + 4 * torch.eye(8)[2]).repeat(8, 1)
    features = torch.nn.functional.normalize(torch.cat([features, burst]), dim=1)
    labels = torch.cat([labels, torch.ones(8, dtype=torch.int64)])  # of class 0 in truth
    names = np.array([""] * 80 + ["burst"] * 8)
    one = torch.zeros_like(labels)
    alone = cross_validated(features, labels, one, seed=0)[80:, 1]
    together = cross_validated(features, labels, one, seed=0, together=names)[80:, 1]
    assert (alone > 0.5).all() and (together < 0.5).all()
    with pytest.raises(NotMeasured, match="all images are in one group"):
        cross_validated(features, labels, one, seed=0, together=np.full(88, "all"))
