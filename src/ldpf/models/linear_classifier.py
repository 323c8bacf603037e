"""Linear classifiers on image features, which need no text encoder to answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ldpf.models.base import CLASSIFIERS, Classifier
from ldpf.models.parts import shared_fields
from ldpf.models.tensor_checks import Shape

if TYPE_CHECKING:
    from ldpf.backbones import Backbone


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
    minus_infinity = ("bias",)
    reads_names = False

    def logits(self, image_features: torch.Tensor) -> torch.Tensor:
        """Class logits: [N, D] -> [N, K]."""
        return image_features @ self.weight.T + self.bias

    def for_classes_beside(
        self, class_names: Sequence[str], backbone: Backbone
    ) -> LinearClassifier:
        """W and b of the classes it knows by name; weight 0 and bias -inf for the others."""
        row_of = {name: row for row, name in enumerate(self.class_names)}
        weight = self.weight.new_zeros(len(class_names), self.weight.shape[1])
        bias = self.bias.new_full((len(class_names),), -torch.inf)
        for index, name in enumerate(class_names):
            if name in row_of:
                weight[index], bias[index] = self.weight[row_of[name]], self.bias[row_of[name]]
        return replace(self, class_names=tuple(class_names), weight=weight, bias=bias)

    def renamed(self, class_names: Sequence[str], backbone: Backbone) -> LinearClassifier:
        """The same W and b, so the same answers: what was measured still holds."""
        same = replace(self, class_names=tuple(class_names))
        return same.with_expectation(self.expectation)

    def graph_head(self) -> LinearHead:
        """W and b; the weight of the only domain is 1."""
        return LinearHead(self)

    def config(self) -> dict[str, Any]:
        """Nothing beyond what every kind keeps."""
        return {}

    def tensors(self) -> dict[str, torch.Tensor]:
        """W and b."""
        return {"weight": self.weight, "bias": self.bias}

    @classmethod
    def shapes(
        cls, config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], backbone: Backbone
    ) -> dict[str, Shape]:
        """One row for each class."""
        classes, dim = config["n_classes"], backbone.embed_dim
        shapes: dict[str, Shape] = {"weight": (classes, dim), "bias": (classes,)}
        return shapes

    @classmethod
    def from_saved(
        cls, config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], backbone: Backbone
    ) -> LinearClassifier:
        """Rebuild from config.json and checked tensors."""
        return cls(**shared_fields(config), weight=tensors["weight"], bias=tensors["bias"])


class LinearHead(nn.Module):
    """A linear classifier in an exported graph: features [N, D] to logits [N, K], ones [N, 1]."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __init__(self, classifier: LinearClassifier) -> None:
        """Copy W and b."""
        super().__init__()
        self.register_buffer("weight", classifier.weight.detach().clone())
        self.register_buffer("bias", classifier.bias.detach().clone())

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and weights of features [N, D]."""
        return features @ self.weight.T + self.bias, torch.ones_like(features[:, :1])
