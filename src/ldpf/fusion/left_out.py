"""A fusion rule without some of its prompts: a fold that needs no training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from ldpf.fusion.base import FusionInputs, FusionRule


@dataclass(frozen=True)
class WithoutPrompts(FusionRule):
    """Another rule with the weights of some prompts set to 0, the others scaled to the sum 1.

    The images of latent domains, read by the prompts of all others, imitate images of a domain
    that nobody has seen. It is for judging only, so it is not registered and no model keeps it.

    Attributes:
        rule: a rule that needs no fit any more.
        left_out: the latent domains whose prompts are left out; at least one other remains.
    """

    rule: FusionRule
    left_out: tuple[int, ...]
    # Of the rule that is wrapped, hence of the object and not of the class.
    mixes: ClassVar[Literal["text", "logits", "probabilities"]] = "text"

    def __post_init__(self) -> None:
        object.__setattr__(self, "mixes", self.rule.mixes)

    def weights(self, inputs: FusionInputs) -> torch.Tensor:
        """Weights [N, S] or [N, S, K]; equal ones where those prompts had the whole weight."""
        weights = self.rule.weights(inputs)
        kept = torch.ones(weights.shape[1], dtype=weights.dtype, device=weights.device)
        kept[list(self.left_out)] = 0
        kept = kept.view(1, -1, *(1 for _ in range(weights.dim() - 2)))  # [1, S] or [1, S, 1]
        others = weights * kept
        total = others.sum(dim=1, keepdim=True)
        tiny = torch.finfo(weights.dtype).tiny
        return torch.where(total > tiny, others / total.clamp_min(tiny), kept / kept.sum())

    def finish(
        self, inputs: FusionInputs, weights: torch.Tensor, logits: torch.Tensor
    ) -> torch.Tensor:
        """As the other rule does."""
        return self.rule.finish(inputs, weights, logits)
