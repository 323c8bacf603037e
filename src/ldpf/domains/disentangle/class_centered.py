"""Closed-form projection after which all classes have the same mean."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ldpf.domains.disentangle.base import DISENTANGLERS, Disentangler
from ldpf.domains.disentangle.maps import LinearMap


@DISENTANGLERS.register("class-centered")
@dataclass(frozen=True)
class ClassCentered(Disentangler):
    """Orthogonal projection that removes the differences of class means, in closed form.

    The simplest map that centers every class on the same point. Unlike `leace` it does not look at
    the covariance of z, so it changes no other direction.
    """

    def fit(self, features: torch.Tensor, labels: torch.Tensor, n_classes: int) -> LinearMap:
        """The projection of standardized features, [D] -> [D]."""
        result = LinearMap(features.shape[1], features.shape[1])
        result.set_input(features)
        x = result.standardize(features).double()
        counts = torch.bincount(labels, minlength=n_classes)
        means = x.new_zeros(n_classes, x.shape[1]).index_add_(0, labels, x)
        # The overall mean is zero, so the span of the class means is that of their differences.
        means = means[counts > 0] / counts[counts > 0][:, None]
        _, strength, directions = torch.linalg.svd(means, full_matrices=False)
        kept = directions[strength > 1e-9 * strength.max().clamp_min(1e-12)]  # [<= K - 1, D]
        identity = torch.eye(x.shape[1], dtype=x.dtype)
        result.matrix.copy_(identity - kept.T @ kept)
        return result
