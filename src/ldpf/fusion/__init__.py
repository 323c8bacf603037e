"""Fusion rules: how the similarities of an image to the latent domains become weights."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ldpf.fusion.fuse import fused_logits, fused_logits_reference
from ldpf.fusion.nearest import nearest_weights
from ldpf.fusion.similarity import similarity_weights
from ldpf.fusion.uniform import uniform_weights

FusionRule = Callable[[torch.Tensor, float], torch.Tensor]
"""(similarities [N, S], tau) -> weights [N, S] with rows summing to one."""

FUSION_RULES: dict[str, FusionRule] = {
    "similarity": similarity_weights,
    "uniform": uniform_weights,
    "nearest": nearest_weights,
}

__all__ = [
    "FUSION_RULES",
    "FusionRule",
    "fused_logits",
    "fused_logits_reference",
    "nearest_weights",
    "similarity_weights",
    "uniform_weights",
]
