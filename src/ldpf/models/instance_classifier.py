"""Classifiers whose prompt a small network makes from image features."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ldpf.models.base import CLASSIFIERS, Classifier
from ldpf.text import PromptedTextEncoder


@CLASSIFIERS.register("instance")
@dataclass(frozen=True, eq=False)
class InstancePromptClassifier(Classifier):
    """A classifier whose prompt is made from image features.

    With `per_image` every image has a prompt of its own, [SOS] p(f) [class k] "." [EOS], and is
    answered on its own. Without it, the images given together are taken as one batch of one domain
    and share a prompt, so **the answer to an image depends on the others in the batch**.

    Attributes:
        method: name of the method that made it.
        class_names: the K classes, in the order of the logits.
        generator: p, from features [n, D] to contexts [n, M, W]; without `per_image` also from
            features and the group of each image to one context a group.
        encoder: the frozen text encoder.
        logit_scale: 1 / T of the backbone.
        at_once: prompts in one pass through the text encoder.
        per_image: see above.
        training: what training reports about itself.
    """

    method: str
    class_names: tuple[str, ...]
    generator: nn.Module
    encoder: PromptedTextEncoder
    logit_scale: float
    at_once: int
    per_image: bool = True
    training: dict[str, Any] = field(default_factory=dict)

    def logits(self, image_features: torch.Tensor) -> torch.Tensor:
        """Class logits: [N, D] -> [N, K], in passes over `at_once` images."""
        one_batch = torch.zeros(len(image_features), dtype=torch.int64)
        return self.grouped_logits(image_features, one_batch)

    @torch.no_grad()
    def grouped_logits(self, image_features: torch.Tensor, group: torch.Tensor) -> torch.Tensor:
        """Logits [N, K] where images of one `group` [N] are a batch; without effect `per_image`."""
        if not len(image_features):
            return torch.zeros(0, len(self.class_names))
        device = self.encoder.tower.device
        if not self.per_image:
            features, ids = image_features.to(device), relabelled(group).to(device)
            text = self.encoder(self.generator(features, ids))
            return self.logit_scale * own_cosines(features, text, ids).cpu()
        parts = []
        for part in image_features.split(self.at_once):
            features = part.to(device)
            text = self.encoder(self.generator(features))
            parts.append(own_cosines(features, text, None).cpu())
        return self.logit_scale * torch.cat(parts)

    def passes(self, n_images: int) -> int:
        """Passes through the text encoder that `logits` of so many images take."""
        return -(-n_images // self.at_once) if self.per_image else 1


def own_cosines(
    features: torch.Tensor, text_features: torch.Tensor, group: torch.Tensor | None
) -> torch.Tensor:
    """cos(f, t_k) of each image under its own prompt.

    Args:
        features: [n, D] of length one.
        text_features: [P, K, D] of length one.
        group: the prompt of each image, [n]; None where image i has prompt i.

    Returns:
        [n, K].
    """
    text_features = text_features.float()
    if group is None:
        return torch.einsum("nd,nkd->nk", features, text_features)
    # Under every prompt, then picked: [n, P, K] numbers instead of [n, K, D] repeated features.
    cosines = torch.einsum("nd,pkd->npk", features, text_features)
    return cosines[torch.arange(len(features), device=features.device), group]


def relabelled(group: torch.Tensor) -> torch.Tensor:
    """The same groups [n] under ids 0, 1, ... without gaps."""
    return torch.unique(group, return_inverse=True)[1]
