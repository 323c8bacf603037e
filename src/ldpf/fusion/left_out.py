"""A fusion rule without one of its prompts: a fold that needs no training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from ldpf.fusion.base import FusionInputs, FusionRule
from ldpf.fusion.episodes import without_own


@dataclass(frozen=True)
class WithoutPrompt(FusionRule):
    """Another rule with one prompt's weight set to 0, the others scaled to the sum 1.

    The images of a latent domain, read by the prompts of all others, imitate images of a domain
    that nobody has seen. It is for judging only, so it is not registered and no model keeps it.

    Attributes:
        rule: a rule that needs no fit any more.
        left_out: the latent domain whose prompt is left out, of 2 or more.
    """

    rule: FusionRule
    left_out: int
    # Of the rule that is wrapped, hence of the object and not of the class.
    mixes: ClassVar[Literal["text", "logits", "probabilities"]] = "text"

    def __post_init__(self) -> None:
        object.__setattr__(self, "mixes", self.rule.mixes)

    def weights(self, inputs: FusionInputs) -> torch.Tensor:
        """Weights [N, S] or [N, S, K]; equal ones where that prompt had the whole weight."""
        weights = self.rule.weights(inputs)
        left_out = torch.full((len(weights),), self.left_out, device=weights.device)
        return without_own(weights, left_out)

    def finish(self, inputs: FusionInputs, logits: torch.Tensor) -> torch.Tensor:
        """As the other rule does."""
        return self.rule.finish(inputs, logits)
