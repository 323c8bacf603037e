"""What is exported, as modules of tensor operations only: head, and image tower with head."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

from ldpf.export.preprocessing import normalization

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.models.base import Classifier


class FeatureHead(nn.Module):
    """Image features [N, D] to probabilities [N, K] and domain weights [N, S].

    The same computation as `Classifier.probabilities` and `domain_weights`. Features need not be of
    length one: those that people have stored often are not.
    """

    def __init__(self, classifier: Classifier) -> None:
        """Take the form of the classifier that a graph can hold.

        Raises:
            ModelError: it has none.
        """
        super().__init__()
        self.head = classifier.graph_head()
        self.temperature = classifier.temperature

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Probabilities [N, K] and domain weights [N, S] of features [N, D]."""
        logits, weights = self.head(F.normalize(features, dim=-1))
        return torch.softmax(logits / self.temperature, dim=-1), weights


class PixelGraph(nn.Module):
    """Pixels [N, 3, H, W] to probabilities [N, K] and domain weights [N, S].

    Pixels are RGB values from 0 to 255, resized and cropped as the backbone wants them. Scaling
    and normalization are part of the graph, so that no program has to repeat them.
    """

    factor: torch.Tensor  # [3, 1, 1]
    offset: torch.Tensor

    def __init__(self, classifier: Classifier, backbone: Backbone) -> None:
        """Put the head after the backbone's image tower.

        Raises:
            ModelError: a graph cannot hold the classifier.
        """
        super().__init__()
        self.model = backbone.model
        self.head = FeatureHead(classifier)
        factor, offset = normalization(backbone)
        self.register_buffer("factor", torch.tensor(factor)[:, None, None])
        self.register_buffer("offset", torch.tensor(offset)[:, None, None])

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Probabilities [N, K] and domain weights [N, S]."""
        pixels = pixels * self.factor + self.offset
        features = self.model.get_image_features(pixel_values=pixels).pooler_output.flatten(1)
        return self.head(features)
