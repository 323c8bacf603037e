"""Gaussian discriminant analysis in which every group counts the same within every class."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch

from ldpf.heads.balance import cell_weights
from ldpf.heads.base import VISUAL_HEADS, LinearHead, VisualHead
from ldpf.heads.gda import class_moments
from ldpf.utils.constraints import Number, check_fields, constraint


@VISUAL_HEADS.register("gda-balanced")
@dataclass(frozen=True)
class BalancedDiscriminant(VisualHead):
    """Gaussian discriminant whose class means are averaged over latent domains (ours).

    mu_k is the mean of mu_{s,k} over the groups s that have images of class k, so that a class is
    described by its looks in all domains and not by those in the domain with most of its images.
    Features of class k are taken as N(mu_k, Sigma) with equal priors: w_k = Sigma^-1 mu_k and
    b_k = log(1/K) - mu_k^T Sigma^-1 mu_k / 2. Sigma = (1 - a) S + a tr(S) / D I, with S the mean of
    (f - mu_k) (f - mu_k)^T in which every group of a class counts the same as well.

    Attributes:
        shrinkage: a, from 0 (S alone) to 1 (distances are Euclidean).
    """

    shrinkage: float = field(default=0.3, metadata=constraint(Number(at_least=0, at_most=1)))
    balances: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_fields(self)

    def fit(
        self,
        features: torch.Tensor,
        labels: torch.Tensor,
        groups: torch.Tensor | None = None,
        *,
        n_classes: int,
        sample_weight: torch.Tensor | None = None,
    ) -> LinearHead:
        """See `VisualHead.fit`; without `groups` classes alone count the same."""
        groups = torch.zeros_like(labels) if groups is None else groups
        weights = cell_weights(labels, groups, n_classes, sample_weight)
        # Under these weights the mean of a class is the mean of its groups' means.
        counts, means, scatter = class_moments(features.double(), labels, weights, n_classes)
        scatter = scatter / weights.sum()
        spread = scatter.trace() / len(scatter)
        identity = torch.eye(len(scatter), dtype=scatter.dtype)
        # Where every image equals its class mean there is no covariance; distances are then
        # Euclidean.
        ridge = self.shrinkage * spread * identity if spread > 0 else identity
        # The pseudo-inverse: without shrinkage, few images have a covariance without inverse.
        precision = torch.linalg.pinv((1 - self.shrinkage) * scatter + ridge, hermitian=True)
        weight = means @ precision
        bias = -torch.tensor(float(n_classes)).log() - (weight * means).sum(dim=1) / 2
        return LinearHead(weight, torch.where(counts > 0, bias, -torch.inf))
