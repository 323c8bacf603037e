"""Fusion weights for each class, from how prompts answer for other latent domains' images."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch

from ldpf.fusion.base import FUSION_RULES, FusionExamples, FusionInputs, FusionRule
from ldpf.fusion.episodes import answers_for_labels, own_prompt
from ldpf.utils.constraints import Number, check_fields, constraint
from ldpf.utils.learned import learned

_LEAST = -5.0
"""log p(y|x) below it counts as this: a few images must not decide a weight."""


@FUSION_RULES.register("class-weights", learns=True)
@dataclass(frozen=True)
class ClassWeights(FusionRule):
    """For each class, prompts that recognize it in other latent domains weigh more (ours).

    alpha_s^k = softmax_s(g_s^k / temperature), the same for all images. g_s^k is the mean, over
    images of class k that are not of latent domain s, of log p_s(y|x) less its mean over all
    prompts that are not the image's own: a prompt is compared on the same images only, so that
    one with easy images gains nothing. Means of few images are drawn to the prompt's mean over all
    classes, as by `prior` more images. With two latent domains there is nothing to compare, and the
    weights are equal.

    Attributes:
        temperature: in nats; towards infinity this becomes `uniform`.
        prior: images that the mean over all classes counts for.
        by_class: alpha, [S, K].
    """

    temperature: float = field(default=0.5, metadata=constraint(Number(above=0, float32=True)))
    prior: float = field(default=10.0, metadata=constraint(Number(above=0, float32=True)))
    by_class: torch.Tensor | None = learned()

    def __post_init__(self) -> None:
        check_fields(self)

    def weights(self, inputs: FusionInputs) -> torch.Tensor:
        """Weights [N, S, K], sums over S are one."""
        assert self.by_class is not None
        return self.by_class.expand(inputs.similarities.shape[0], -1, -1)

    def fit(
        self, train: FusionExamples, validation: FusionExamples, *, seed: int = 0
    ) -> ClassWeights:
        """Compare the prompts on training images of other latent domains."""
        answers = answers_for_labels(train).clamp_min(_LEAST)  # [N, S]
        n_domains, n_classes = train.inputs.text_features.shape[:2]
        other = (~own_prompt(train.domains, n_domains)).double()
        mean = (answers * other).sum(dim=1, keepdim=True) / other.sum(dim=1, keepdim=True)
        excess = (answers - mean) * other
        is_class = torch.nn.functional.one_hot(train.labels, n_classes).double()  # [N, K]
        sums, counts = excess.T @ is_class, other.T @ is_class  # [S, K]
        of_prompt = sums.sum(dim=1, keepdim=True) / counts.sum(dim=1, keepdim=True).clamp_min(1)
        gains = (sums + self.prior * of_prompt) / (counts + self.prior)
        return replace(self, by_class=torch.softmax(gains / self.temperature, dim=0).float())

    def shapes(
        self, n_domains: int, n_classes: int, embed_dim: int
    ) -> dict[str, tuple[int | str, ...]]:
        """A weight for each prompt and class."""
        return {"by_class": (n_domains, n_classes)}
