"""Linear classifiers on image features, which need no text encoder to answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from ldpf.models.base import CLASSIFIERS, Classifier


@CLASSIFIERS.register("linear")
@dataclass(frozen=True, eq=False)
class LinearClassifier(Classifier):
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

    def logits(self, image_features: torch.Tensor) -> torch.Tensor:
        """Class logits: [N, D] -> [N, K]."""
        return image_features @ self.weight.T + self.bias
