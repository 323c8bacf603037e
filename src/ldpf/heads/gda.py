"""Gaussian discriminant analysis: one Gaussian a class, one covariance for all of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ldpf.heads.base import VISUAL_HEADS, LinearHead, VisualHead


@VISUAL_HEADS.register("gda")
@dataclass(frozen=True)
class GaussianDiscriminant(VisualHead):
    """Linear discriminant of Gaussians with one shared, shrunk covariance.

    Features of class k are taken as N(mu_k, Sigma) with equal priors, so w_k = Sigma^-1 mu_k and
    b_k = log(1/K) - mu_k^T Sigma^-1 mu_k / 2. Sigma^-1 is the estimate of Wang et al. ("A
    Hard-to-Beat Baseline for Training-free CLIP-based Adaptation", ICLR 2024),
    D ((N - 1) S + tr(S) I)^-1 with S the sample covariance around the class means.
    """

    def fit(
        self,
        features: torch.Tensor,
        labels: torch.Tensor,
        groups: torch.Tensor | None = None,
        *,
        n_classes: int,
        sample_weight: torch.Tensor | None = None,
    ) -> LinearHead:
        """See `VisualHead.fit`; `groups` have no effect, and N is the sum of the weights."""
        x = features.double()
        weights = x.new_ones(len(x)) if sample_weight is None else sample_weight.to(x)
        counts, means, scatter = class_moments(x, labels, weights, n_classes)
        # The scatter is (N - 1) S.
        trace = scatter.trace() / (weights.sum() - 1).clamp_min(1)
        dim = x.shape[1]
        # Where every image equals its class mean there is no covariance; distances are then
        # Euclidean.
        ridge = torch.eye(dim, dtype=x.dtype) * (trace if trace > 0 else 1.0)
        weight = dim * torch.linalg.solve(scatter + ridge, means.T).T
        bias = -torch.tensor(float(n_classes)).log() - (weight * means).sum(dim=1) / 2
        return LinearHead(weight, torch.where(counts > 0, bias, -torch.inf))


def class_moments(
    features: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, n_classes: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Weighted moments of features in double precision.

    Args:
        features: f, [N, D].
        labels: class ids [N].
        weights: w of each image, [N].
        n_classes: K.

    Returns:
        Sum of weights of each class [K], class means mu [K, D] (zero for a class without images),
        and the scatter sum_i w_i (f_i - mu) (f_i - mu)^T around them, [D, D].
    """
    counts = features.new_zeros(n_classes).index_add_(0, labels, weights)
    sums = features.new_zeros(n_classes, features.shape[1])
    sums = sums.index_add_(0, labels, weights[:, None] * features)
    means = sums / counts.where(counts > 0, 1.0)[:, None]
    centered = features - means[labels]
    return counts, means, (weights[:, None] * centered).T @ centered
