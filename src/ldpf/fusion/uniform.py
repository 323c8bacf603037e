"""The control without similarities: every latent domain weighs the same."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ldpf.fusion.base import FUSION_RULES, FusionInputs, FusionRule


@FUSION_RULES.register("uniform")
@dataclass(frozen=True)
class Uniform(FusionRule):
    """All latent domains have the same weight: alpha_s(x) = 1 / S for every image."""

    def weights(self, inputs: FusionInputs) -> torch.Tensor:
        """Weights [N, S], rows summing to one."""
        return torch.full_like(inputs.similarities, 1.0 / inputs.similarities.shape[-1])
