"""What every method ends with: text features of its prompts, and how images weigh them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch

from ldpf.domains.fitted import FittedDomains
from ldpf.domains.ood import OutsideCheck
from ldpf.errors import SettingsError
from ldpf.fusion import FUSION_RULES, fused_logits
from ldpf.models.base import CLASSIFIERS, Classifier


@CLASSIFIERS.register("prompt")
@dataclass(frozen=True)
class PromptClassifier(Classifier):
    """A classifier over cached image features. Each image is answered on its own.

    Attributes:
        method: name of the method that made it.
        class_names: the K classes, in the order of the logits.
        text_features: [S, K, D] float32 of length one, on the CPU.
        logit_scale: 1 / T of the backbone. (The sigmoid family adds a bias to the logits, the same
            for all classes: it cancels in the softmax and is left out.)
        contexts: the learnt prompts [S, M, W] behind `text_features`; None for hard prompts.
        latent: extractor and centroids of the S latent domains; None where there is one prompt.
        fusion: name of the fusion rule.
        tau: temperature of the fusion.
        training: what training reports about itself (steps, passes, validation, diagnostics).
        outside: tells images unlike the training images; None where it was not measured.
    """

    method: str
    class_names: tuple[str, ...]
    text_features: torch.Tensor
    logit_scale: float
    contexts: torch.Tensor | None = None
    latent: FittedDomains | None = None
    fusion: str = "similarity"
    tau: float = 0.1
    training: dict[str, Any] = field(default_factory=dict)
    outside: OutsideCheck | None = None

    def __post_init__(self) -> None:
        if self.fusion not in FUSION_RULES:
            raise SettingsError(
                f"There is no fusion rule {self.fusion!r}; choose from {', '.join(FUSION_RULES)}."
            )
        check_tau(self.tau)

    @property
    def n_domains(self) -> int:
        """S, the number of prompts that are fused."""
        return len(self.text_features)

    def with_fusion(self, fusion: str) -> PromptClassifier:
        """The same prompts read out by another fusion rule; nothing is trained again."""
        return replace(self, fusion=fusion)

    def domain_weights(self, image_features: torch.Tensor) -> torch.Tensor:
        """alpha_s(x): [N, D] -> [N, S], rows summing to one."""
        if self.latent is None:
            return torch.ones(len(image_features), 1)
        return FUSION_RULES[self.fusion](self.latent.similarities(image_features), self.tau)

    def logits(self, image_features: torch.Tensor) -> torch.Tensor:
        """Class logits under the fused prompt: [N, D] -> [N, K]."""
        weights = self.domain_weights(image_features)
        return fused_logits(image_features, self.text_features, weights, self.logit_scale)

    def prompt_logits(self, image_features: torch.Tensor) -> torch.Tensor:
        """Class logits under each prompt alone: [N, D] -> [N, S, K]."""
        return self.logit_scale * torch.einsum("nd,skd->nsk", image_features, self.text_features)


def check_tau(tau: float) -> None:
    """Raise SettingsError unless tau is a finite positive number."""
    if not 0 < tau < float("inf"):
        raise SettingsError(f"tau={tau} should be a finite number above 0, such as 0.1.")
