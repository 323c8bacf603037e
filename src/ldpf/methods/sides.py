"""Folds that leave out one side of the latent domains, and the prompts of the other side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ldpf.domains.folds import leave_one_group_out
from ldpf.domains.sides import two_sides

if TYPE_CHECKING:
    from ldpf.domains.fitted import FittedDomains
    from ldpf.domains.folds import GroupFold
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.base import Classifier


def side_folds(train: FeatureSet, validation: FeatureSet, latent: FittedDomains) -> list[GroupFold]:
    """Folds that leave out one of two sides each, without those that leave one class to learn from.

    Args:
        train, validation: labeled images.
        latent: their latent domains, of which the nearest are joined, see `two_sides`.
    """
    of_train = latent.assign(train.features)
    z = latent.domain_features(train.features)
    sides = two_sides(z, of_train, latent.n_domains)
    of_validation = latent.assign(validation.features)
    folds = leave_one_group_out(train, validation, sides[of_train], sides[of_validation], (0, 1))
    return [fold for fold in folds if len(fold.judged) and len(fold.train.labels.unique()) > 1]


def without_prompts_of(classifier: Classifier, fold: GroupFold) -> Classifier | None:
    """The classifier without the prompts that learned from the images that a fold judges by.

    Its latent domains need not be those of the fold: a prompt is left out where more than half of
    its images are judged, at least the one that most of the judged images belong to.

    Returns:
        None where it has no latent domains, or no prompt would be left.
    """
    if classifier.latent is None:
        return None
    judged, kept = (
        torch.bincount(classifier.latent.assign(images.features), minlength=classifier.n_domains)
        for images in (fold.judged, fold.train.joined(fold.validation))
    )
    left_out = set((judged > kept).nonzero()[:, 0].tolist()) | {int(judged.argmax())}
    return classifier.without_prompts(left_out)
