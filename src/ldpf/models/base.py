"""FIXME docstring"""

from __future__ import annotations

from typing import Any, Protocol

import torch


class Classifier(Protocol):
    """What `Method.fit` returns.

    Attributes:
        method: name of the method that made it.
        class_names: the K classes, in the order of the logits.
        per_image: whether an image's answer depends on that image alone. Where it does not, the
            images given together are one batch, and results belong in a class of their own.
        training: what training reports about itself.
    """

    method: str
    class_names: tuple[str, ...]
    per_image: bool
    training: dict[str, Any]

    def logits(self, image_features: torch.Tensor) -> torch.Tensor:
        """Class logits: [N, D] -> [N, K]."""

    def probabilities(self, image_features: torch.Tensor) -> torch.Tensor:
        """softmax over classes of `logits`: [N, D] -> [N, K]."""
