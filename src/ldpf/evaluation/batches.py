"""Answers on a set of images, in the batches that a classifier needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ldpf.errors import ModelError

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.base import Classifier


def logits_in_batches(classifier: Classifier, images: FeatureSet) -> torch.Tensor:
    """Class logits [N, K] of N images.

    Where an answer depends on the other images of a batch (`Classifier.per_image` is False), the
    images of each known domain are one batch, as in a benchmark, where the target domain is; with
    domains unknown all images are one.

    Raises:
        ModelError: a logit is NaN or +inf. (-inf stands for a class that is never answered.)
    """
    if classifier.per_image or images.domains is None:
        return _answers(classifier.logits(images.features))
    logits = torch.empty(len(images), len(classifier.class_names))
    for domain in images.domains.unique():
        rows = images.domains == domain
        logits[rows] = classifier.logits(images.features[rows])
    return _answers(logits)


def _answers(logits: torch.Tensor) -> torch.Tensor:
    """The same logits, none of which is NaN or +inf: as an accuracy, that would be a number."""
    odd = (logits.isnan() | logits.isposinf()).any(dim=1)
    if odd.any():
        raise ModelError(
            f"The model gives NaN or infinite logits for {int(odd.sum()):,} of {len(odd):,} "
            "images, so no accuracy can be measured; copy or train the model again."
        )
    return logits
