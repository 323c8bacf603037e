"""Equal weights where the answer by similarities is not sure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch

from ldpf.fusion.base import FUSION_RULES, FusionInputs, FusionRule
from ldpf.fusion.similarity import similarity_weights
from ldpf.utils.constraints import Number, check_fields, constraint


@FUSION_RULES.register("fallback")
@dataclass(frozen=True)
class Fallback(FusionRule):
    """Similarity weights where their answer is sure, equal weights over prompts elsewhere (ours).

    p(k|x) = sum_s alpha_s(x) p_s(k|x), with alpha of `similarity` if max_k p(k|x) by it reaches
    `threshold`, else 1 / S. What it falls back to is the ensemble of the learned prompts: hard
    (zero-shot) prompts are no part of what a rule may look at.

    Attributes:
        tau: temperature of the similarities.
        threshold: smallest probability of an answer that is kept.
    """

    mixes: ClassVar[Literal["text", "logits", "probabilities"]] = "probabilities"
    tau: float = field(default=1.0, metadata=constraint(Number(above=0, float32=True)))
    threshold: float = field(default=0.5, metadata=constraint(Number(at_least=0, at_most=1)))

    def __post_init__(self) -> None:
        check_fields(self)

    def weights(self, inputs: FusionInputs) -> torch.Tensor:
        """Weights [N, S], rows summing to one."""
        similar = similarity_weights(inputs.similarities, self.tau)
        answers = (similar[:, :, None] * inputs.prompt_logits.softmax(dim=2)).sum(dim=1)
        sure = answers.max(dim=1, keepdim=True).values >= self.threshold
        return torch.where(sure, similar, torch.full_like(similar, 1 / similar.shape[1]))
