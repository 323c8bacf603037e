"""Fusion weights from how sure each prompt is of its own answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeVar

import torch

from ldpf.fusion.base import FUSION_RULES, FusionExamples, FusionInputs, FusionRule
from ldpf.fusion.fitting import likeliest_scale
from ldpf.utils.constraints import Number, check_fields, constraint
from ldpf.utils.learned import learned

EntropyRule = TypeVar("EntropyRule", bound="Entropy")


@FUSION_RULES.register("entropy", learns=True)
@dataclass(frozen=True)
class Entropy(FusionRule):
    """Prompts with more certain answers weigh more, after each prompt is calibrated.

    alpha_s(x) = softmax_s(-H_s(x) / beta), H_s the entropy in nats of softmax_k(a_s z_k^s) with the
    logits z^s of prompt s. The scale a_s makes labels of validation images likeliest
    (temperature scaling, Guo et al. 2017); those of the prompt's own latent domain are left out,
    since a new site is none of them.

    Attributes:
        beta: temperature in nats; towards infinity this becomes `uniform`.
        scales: a_s, [S].
    """

    beta: float = field(default=0.5, metadata=constraint(Number(above=0, float32=True)))
    scales: torch.Tensor | None = learned()

    def __post_init__(self) -> None:
        check_fields(self)

    def weights(self, inputs: FusionInputs) -> torch.Tensor:
        """Weights [N, S], rows summing to one."""
        return torch.softmax(-self.entropies(inputs) / self.beta, dim=-1)

    def entropies(self, inputs: FusionInputs) -> torch.Tensor:
        """H_s(x) [N, S] in nats, calibrated."""
        assert self.scales is not None
        log_p = (self.scales[:, None] * inputs.prompt_logits).log_softmax(dim=-1)
        return -(log_p.exp() * log_p).sum(dim=-1)

    def fit(
        self: EntropyRule, train: FusionExamples, validation: FusionExamples, *, seed: int = 0
    ) -> EntropyRule:
        """Calibrate each prompt on the validation images of other latent domains."""
        inputs, scales = validation.inputs, []
        for s, text in enumerate(inputs.text_features):
            other = validation.domains != s
            images = other if other.any() else torch.ones_like(other)
            logits = inputs.logit_scale * inputs.image_features[images] @ text.T
            scales.append(likeliest_scale(logits, validation.labels[images]))
        return replace(self, scales=torch.tensor(scales))

    def shapes(
        self, n_domains: int, n_classes: int, embed_dim: int
    ) -> dict[str, tuple[int | str, ...]]:
        """One scale for each prompt."""
        return {"scales": (n_domains,)}


@FUSION_RULES.register("similarity-entropy", learns=True)
@dataclass(frozen=True)
class SimilarityEntropy(Entropy):
    """Similar latent domains with certain answers weigh most: `similarity` times `entropy`.

    alpha_s(x) = softmax_s(cos(z, c_s) / tau - H_s(x) / beta), the renormalized product of the two.

    Attributes:
        tau: temperature of the similarities.
    """

    tau: float = field(default=1.0, metadata=constraint(Number(above=0, float32=True)))

    def weights(self, inputs: FusionInputs) -> torch.Tensor:
        """Weights [N, S], rows summing to one."""
        logits = inputs.similarities / self.tau - self.entropies(inputs) / self.beta
        return torch.softmax(logits, dim=-1)
