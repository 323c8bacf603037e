"""The hard choice: only the most similar latent domain counts."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ldpf.fusion.base import FUSION_RULES, FusionInputs, FusionRule


@FUSION_RULES.register("nearest")
@dataclass(frozen=True)
class Nearest(FusionRule):
    """Only the most similar latent domain counts (the first of equally similar ones)."""

    def weights(self, inputs: FusionInputs) -> torch.Tensor:
        """Weights [N, S], one-hot rows."""
        similarities = inputs.similarities
        # argmax does not promise which of equal values it returns; max over a tie-broken key does.
        best = similarities.max(dim=-1, keepdim=True).values
        first = (similarities == best).int().cumsum(dim=-1)
        return ((similarities == best) & (first == 1)).to(similarities.dtype)
