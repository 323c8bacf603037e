"""What is exported, as modules of tensor operations only: head, and image tower with head."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ldpf.backbones import Backbone
from ldpf.export.base import HEADS, head_of
from ldpf.export.preprocessing import normalization
from ldpf.fusion import FusionInputs
from ldpf.fusion.fuse import MIXTURES
from ldpf.models.base import Classifier
from ldpf.models.linear_classifier import LinearClassifier
from ldpf.models.prompt_classifier import PromptClassifier


@HEADS.register("prompt")
class FeatureHead(nn.Module):
    """Image features [N, D] to probabilities [N, K] and domain weights [N, S].

    The same computation as `PromptClassifier.probabilities` and `domain_weights`, without their
    loop over chunks, which a graph of dynamic batch size cannot hold. Features need not be of
    length one: those that people have stored often are not.
    """

    text_features: torch.Tensor
    centroids: torch.Tensor

    def __init__(self, classifier: PromptClassifier) -> None:
        """Copy what the classifier has learned."""
        super().__init__()
        text = classifier.text_features.detach().clone()  # [S, K, D]
        self.register_buffer("text_features", text)
        self.scale, self.rule = classifier.logit_scale, classifier.fusion
        self.fused = classifier.latent is not None and len(text) > 1
        if self.fused:
            assert classifier.latent is not None
            self.extractor = classifier.latent.extractor
            centroids = F.normalize(classifier.latent.centroids.detach().clone(), dim=-1)
            self.register_buffer("centroids", centroids)  # [S, Z]

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Probabilities [N, K] and domain weights [N, S] of features [N, D]."""
        features = F.normalize(features, dim=-1)
        if self.fused:
            z = F.normalize(self.extractor(features), dim=-1)
            similarities = z @ self.centroids.T
        else:
            similarities = torch.ones_like(features[:, :1])
        inputs = FusionInputs(similarities, features, self.text_features, self.scale)
        weights = self.rule.weights(inputs)
        logits = MIXTURES[self.rule.mixes](inputs, weights)
        shown = weights if weights.dim() == 2 else weights.mean(dim=2)
        return torch.softmax(logits, dim=-1), shown


@HEADS.register("linear")
class LinearHead(nn.Module):
    """Image features [N, D] to probabilities [N, K], with one domain weight of 1 [N, 1].

    Features need not be of length one.
    """

    weight: torch.Tensor
    bias: torch.Tensor

    def __init__(self, classifier: LinearClassifier) -> None:
        """Copy what the classifier has learned."""
        super().__init__()
        self.register_buffer("weight", classifier.weight.detach().clone())  # [K, D]
        self.register_buffer("bias", classifier.bias.detach().clone())

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Probabilities [N, K] and domain weights [N, 1] of features [N, D]."""
        logits = F.linear(F.normalize(features, dim=-1), self.weight, self.bias)
        return torch.softmax(logits, dim=-1), torch.ones_like(features[:, :1])


class PixelGraph(nn.Module):
    """Pixels [N, 3, H, W] to probabilities [N, K] and domain weights [N, S].

    Pixels are RGB values from 0 to 255, resized and cropped as the backbone wants them. Scaling
    and normalization are part of the graph, so that no program has to repeat them.
    """

    model: Any
    factor: torch.Tensor
    offset: torch.Tensor

    def __init__(self, classifier: Classifier, backbone: Backbone) -> None:
        """Put the head behind the backbone's image tower."""
        super().__init__()
        self.model = backbone.model
        self.head = head_of(classifier)
        factor, offset = normalization(backbone)
        self.register_buffer("factor", torch.tensor(factor)[:, None, None])  # [3, 1, 1]
        self.register_buffer("offset", torch.tensor(offset)[:, None, None])

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Probabilities [N, K] and domain weights [N, S]."""
        pixels = pixels * self.factor + self.offset
        features = self.model.get_image_features(pixel_values=pixels).pooler_output.flatten(1)
        return self.head(features)
