"""The zero-shot ensemble's answer where that by similarities is not sure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import torch

from ldpf.errors import SettingsError
from ldpf.fusion.base import FUSION_RULES, FusionExamples, FusionInputs, FusionRule
from ldpf.fusion.similarity import similarity_weights
from ldpf.utils.constraints import Number, check_fields, constraint
from ldpf.utils.learned import learned


@FUSION_RULES.register("fallback", learns=True)
@dataclass(frozen=True)
class Fallback(FusionRule):
    """Similarity weights if their answer is certain, otherwise the zero-shot ensemble (ours).

    p(k|x) = sum_s alpha_s(x) p_s(k|x), with alpha of `similarity`, if max_k p(k|x) reaches
    `threshold`; else p(k|x) = softmax_k(cos(f, t_k) / T) with t_k of the zero-shot ensemble
    (Radford et al. 2021, section 3.1.4), which no image of a training domain has moved. Nothing is
    learned from images; `fit` says whether the text features are there.

    Attributes:
        tau: temperature of the similarities.
        threshold: smallest probability of an answer that is kept; 0 never falls back.
        zero_shot: t_k, [K, D] of length one.
    """

    mixes: ClassVar[Literal["text", "logits", "probabilities"]] = "probabilities"
    asks_zero_shot: ClassVar[bool] = True
    tau: float = field(default=1.0, metadata=constraint(Number(above=0, float32=True)))
    threshold: float = field(default=0.5, metadata=constraint(Number(at_least=0, at_most=1)))
    zero_shot: torch.Tensor | None = learned()

    def __post_init__(self) -> None:
        check_fields(self)

    def weights(self, inputs: FusionInputs) -> torch.Tensor:
        """Weights [N, S] of the prompts, rows summing to one; they answer for sure images only."""
        return similarity_weights(inputs.similarities, self.tau)

    def finish(
        self, inputs: FusionInputs, weights: torch.Tensor, logits: torch.Tensor
    ) -> torch.Tensor:
        """log p(k|x) by the prompts where they are sure, by the zero-shot ensemble elsewhere."""
        assert self.zero_shot is not None
        by_prompts = logits.log_softmax(dim=1)
        sure = by_prompts.exp().max(dim=1, keepdim=True).values >= self.threshold
        zero_shot = inputs.logit_scale * inputs.image_features @ self.zero_shot.T
        return torch.where(sure, by_prompts, zero_shot.log_softmax(dim=1))

    def with_zero_shot(self, text_features: torch.Tensor) -> Fallback:
        """The rule that falls back to these text features [K, D]."""
        return replace(self, zero_shot=text_features)

    def fit(self, train: FusionExamples, validation: FusionExamples, *, seed: int = 0) -> Fallback:
        """The rule as it is; nothing is learned from images.

        Raises:
            SettingsError: the text features of the zero-shot ensemble are not there.
        """
        if self.zero_shot is None:
            raise SettingsError(
                "The fusion rule 'fallback' needs the text features of the zero-shot ensemble; "
                "give the backbone that makes them, or call with_zero_shot."
            )
        return self

    def shapes(
        self, n_domains: int, n_classes: int, embed_dim: int
    ) -> dict[str, tuple[int | str, ...]]:
        """Text features of every class."""
        return {"zero_shot": (n_classes, embed_dim)}
