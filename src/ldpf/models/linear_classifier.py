"""Linear classifiers on image features, which need no text encoder to answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass(frozen=True, eq=False)
class LinearClassifier:
    """logits = f W^T + b. Each image is answered on its own.

    Attributes:
        method: name of the method that made it.
        class_names: the K classes, in the order of the logits.
        weight: W, [K, D] float32, on the CPU.
        bias: b, [K]; -inf for a class that was not seen in training and is never answered.
        training: what training reports about itself.
    """

    method: str
    class_names: tuple[str, ...]
    weight: torch.Tensor
    bias: torch.Tensor
    training: dict[str, Any] = field(default_factory=dict)
    per_image = True

    def logits(self, image_features: torch.Tensor) -> torch.Tensor:
        """Class logits: [N, D] -> [N, K]."""
        return image_features @ self.weight.T + self.bias

    def probabilities(self, image_features: torch.Tensor) -> torch.Tensor:
        """softmax over classes of `logits`: [N, D] -> [N, K]."""
        return torch.softmax(self.logits(image_features), dim=-1)

    def accuracy(self, image_features: torch.Tensor, labels: torch.Tensor) -> float:
        """Share of images [N, D] whose answer is their label [N]."""
        return float((self.logits(image_features).argmax(dim=1) == labels).double().mean())
