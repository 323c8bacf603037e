"""Fusion weights from the similarity of an image's domain feature to the latent domains."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from ldpf.fusion.base import FUSION_RULES, FusionInputs, FusionRule
from ldpf.utils.constraints import Number, check_fields, constraint


@FUSION_RULES.register("similarity")
@dataclass(frozen=True)
class Similarity(FusionRule):
    """Similar latent domains weigh more: LDPF's fusion (arXiv 2511.00067).

    alpha_s(x) = softmax_s(cos(z, c_s) / tau).

    Attributes:
        tau: temperature; towards 0 this becomes `nearest`, towards infinity `uniform`.
    """

    tau: float = field(default=1.0, metadata=constraint(Number(above=0, float32=True)))

    def __post_init__(self) -> None:
        check_fields(self)

    def weights(self, inputs: FusionInputs) -> torch.Tensor:
        """Weights [N, S], rows summing to one."""
        return similarity_weights(inputs.similarities, self.tau)


def similarity_weights(similarities: torch.Tensor, tau: float) -> torch.Tensor:
    """softmax_s(cos(z, c_s) / tau) of similarities [N, S], rows summing to one."""
    return torch.softmax(similarities / tau, dim=-1)
