"""Weights of training images in the losses of prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ldpf.domains import DiscoverySettings, DomainDiscovery
from ldpf.heads.balance import cell_weights
from ldpf.utils.constraints import OneOf, constraint

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet

SAMPLE_WEIGHTS = ("none", "class", "latent-class")
"""All images count the same; or all classes; or all pairs of a latent domain and a class."""

WEIGHTS = constraint(OneOf(SAMPLE_WEIGHTS))


def sample_weights(
    kind: str, labels: torch.Tensor, domains: torch.Tensor | None, n_classes: int
) -> torch.Tensor | None:
    """Weight of each training image in a mean loss.

    Args:
        kind: one of `SAMPLE_WEIGHTS`.
        labels: class ids [N].
        domains: latent domain [N] of each image; read by `latent-class` only.
        n_classes: K.

    Returns:
        [N] float32 with mean 1, proportional to 1 / n(k) or 1 / n(s, k); None where all are 1.
    """
    if kind == "none":
        return None
    if kind == "class" or domains is None:
        domains = torch.zeros_like(labels)
    return cell_weights(labels, domains, n_classes).float()


def weights_without_domains(
    kind: str, train: FeatureSet, validation: FeatureSet, seed: int
) -> torch.Tensor | None:
    """`sample_weights` for a method that has no latent domains: they are found for the weights."""
    domains = None
    if kind == "latent-class":
        discovery = DomainDiscovery(train, validation, DiscoverySettings(), seed)
        discovery.run()
        domains = discovery.assignments
    return sample_weights(kind, train.labels, domains, len(train.class_names))


def weighted_mean(losses: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """Mean of w * loss over images [n]; weights have mean 1 over the whole training set."""
    return (losses if weights is None else losses * weights).mean()
