"""No disentangling: the control that clusters image features as they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ldpf.domains.disentangle.base import DISENTANGLERS, Disentangler
from ldpf.domains.disentangle.maps import LinearMap


@DISENTANGLERS.register("none")
@dataclass(frozen=True)
class NoDisentangler(Disentangler):
    """Image features, only centered and scaled; clusters may then be classes."""

    def fit(self, features: torch.Tensor, labels: torch.Tensor, n_classes: int) -> LinearMap:
        """Standardized features, [D] -> [D]."""
        result = LinearMap(features.shape[1], features.shape[1])
        result.set_input(features)
        result.matrix.copy_(torch.eye(features.shape[1]))
        return result
