"""Answers that depend on their batch are given domain by domain."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ldpf.errors import ModelError
from ldpf.evaluation.batches import logits_in_batches
from ldpf.models.linear_classifier import LinearClassifier


class Centered(LinearClassifier):
    """Answers by how far an image lies from the mean of its batch."""

    per_image = False

    def logits(self, image_features: torch.Tensor) -> torch.Tensor:
        return super().logits(image_features - image_features.mean(dim=0))


def make(kind, data):
    weight = torch.randn(len(data.class_names), data.features.shape[1])
    return kind("x", data.class_names, weight=weight, bias=torch.zeros(len(weight)))


def test_the_images_of_a_domain_are_one_batch(make_features):
    data = make_features(4)
    classifier = make(Centered, data)
    logits = logits_in_batches(classifier, data)
    for domain in data.domains.unique():
        rows = data.domains == domain
        torch.testing.assert_close(logits[rows], classifier.logits(data.features[rows]))
    assert not torch.allclose(logits, classifier.logits(data.features))


def test_all_images_are_one_batch_where_domains_are_unknown(make_features):
    data = replace(make_features(4), domains=None, domain_names=())
    classifier = make(Centered, data)
    assert torch.equal(logits_in_batches(classifier, data), classifier.logits(data.features))


def test_answers_that_do_not_depend_on_others_are_given_at_once(make_features):
    data = make_features(4)
    classifier = make(LinearClassifier, data)
    assert torch.equal(logits_in_batches(classifier, data), classifier.logits(data.features))


@pytest.mark.parametrize("domains_known", [True, False])
def test_answers_that_are_not_finite_are_refused_with_how_many(make_features, domains_known):
    data = make_features(4)
    if not domains_known:
        data = replace(data, domains=None, domain_names=())
    classifier = make(LinearClassifier, data)
    classifier.weight[1] = 3e38
    data.features[0] = torch.nan
    with pytest.raises(ModelError, match=rf"NaN or infinite logits for \d+ of {len(data)} images"):
        logits_in_batches(classifier, data)


def test_a_class_that_is_never_answered_is_no_fault(make_features):
    data = make_features(4)
    classifier = make(LinearClassifier, data)
    classifier.bias[0] = -torch.inf
    assert logits_in_batches(classifier, data)[:, 0].isneginf().all()
