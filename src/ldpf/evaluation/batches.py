"""Answers on a set of images, in the batches that a classifier needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.base import Classifier


def logits_in_batches(classifier: Classifier, images: FeatureSet) -> torch.Tensor:
    """Class logits [N, K] of N images.

    Where an answer depends on the other images of a batch (`Classifier.per_image` is False), the
    images of each known domain are one batch, as in a benchmark, where the target domain is; with
    domains unknown all images are one.
    """
    if classifier.per_image or images.domains is None:
        return classifier.logits(images.features)
    logits = torch.empty(len(images), len(classifier.class_names))
    for domain in images.domains.unique():
        rows = images.domains == domain
        logits[rows] = classifier.logits(images.features[rows])
    return logits
