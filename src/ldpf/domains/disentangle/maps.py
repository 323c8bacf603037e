"""Domain maps z = G(f) as they are kept: a two-layer MLP, or a linear map."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from ldpf.domains.disentangle.base import DOMAIN_MAPS

BLOCK = 65_536
"""Images that pass through a map at once."""


def in_blocks(
    function: Callable[[torch.Tensor], torch.Tensor], features: torch.Tensor
) -> torch.Tensor:
    """`function` of image features [N, D], `BLOCK` of them at once: only results are kept whole.

    Args:
        function: [n, D] -> [n, ...], each row by itself.
        features: [N, D].
    """
    if len(features) <= BLOCK:
        return function(features)
    return torch.cat([function(part) for part in features.split(BLOCK)])


class DomainMap(nn.Module):
    """Base of domain maps: image features [N, D] to domain features [N, Z], rebuilt from tensors.

    Attributes:
        input_mean: mean of the training images' features, [D].
        input_scale: one number that gives features about unit variance.
    """

    input_mean: torch.Tensor
    input_scale: torch.Tensor

    def standardize(self, features: torch.Tensor) -> torch.Tensor:
        """Image features [N, D] -> what the map sees, [N, D] with about unit variance."""
        return (features - self.input_mean) * self.input_scale

    def set_input(self, features: torch.Tensor) -> None:
        """Take mean and scale from the training images' features [N, D]."""
        self.input_mean.copy_(features.mean(dim=0))
        spread = features.var(dim=0, unbiased=False).mean().sqrt()
        self.input_scale.copy_(1.0 / spread.clamp_min(1e-6))

    @classmethod
    def shaped_like(cls, state: Mapping[str, torch.Tensor]) -> DomainMap:
        """A map of the sizes that the tensors `state` have."""
        raise NotImplementedError

    @classmethod
    def shapes(cls, embed_dim: int) -> dict[str, tuple[int | str, ...]]:
        """The shape of each tensor; a word stands for any size, the same word for the same."""
        raise NotImplementedError


@DOMAIN_MAPS.register("mlp", recognized_by="hidden.weight")
class DomainExtractor(DomainMap):
    """G of the paper: a two-layer MLP.

    Behind the MLP, z is centered on the training images, so that the cosine to a centroid tells
    domains apart instead of measuring a direction that all images share, and passes a fixed linear
    map that removes what is left of the class (the identity unless erasing is on).
    """

    output_mean: torch.Tensor
    erasure: torch.Tensor

    def __init__(self, embed_dim: int, hidden: int, dim: int, generator: torch.Generator) -> None:
        """Draw the weights for D `embed_dim`, `hidden` units and Z `dim`."""
        super().__init__()
        self.hidden = seeded_linear(embed_dim, hidden, generator)
        self.out = seeded_linear(hidden, dim, generator)
        self.register_buffer("input_mean", torch.zeros(embed_dim))
        self.register_buffer("input_scale", torch.ones(()))
        self.register_buffer("output_mean", torch.zeros(dim))
        self.register_buffer("erasure", torch.eye(dim))

    def perceptron(self, features: torch.Tensor) -> torch.Tensor:
        """The MLP's raw output [N, Z], which is what the adversary sees."""
        return self.out(F.relu(self.hidden(self.standardize(features))))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Domain features z [N, Z] of image features [N, D]."""
        return (self.perceptron(features) - self.output_mean) @ self.erasure.T

    @classmethod
    def shaped_like(cls, state: Mapping[str, torch.Tensor]) -> DomainExtractor:
        """See `DomainMap`."""
        hidden, embed_dim = state["hidden.weight"].shape
        return cls(embed_dim, hidden, state["out.weight"].shape[0], torch.Generator())

    @classmethod
    def shapes(cls, embed_dim: int) -> dict[str, tuple[int | str, ...]]:
        """See `DomainMap`."""
        return {
            "hidden.weight": ("hidden", embed_dim),
            "hidden.bias": ("hidden",),
            "out.weight": ("z", "hidden"),
            "out.bias": ("z",),
            "input_mean": (embed_dim,),
            "input_scale": (),
            "output_mean": ("z",),
            "erasure": ("z", "z"),
        }


@DOMAIN_MAPS.register("linear", recognized_by="matrix")
class LinearMap(DomainMap):
    """z = M (f - mean) / spread, for disentanglers in closed form."""

    matrix: torch.Tensor

    def __init__(self, embed_dim: int, dim: int) -> None:
        """A map of D `embed_dim` to Z `dim` that gives zeros."""
        super().__init__()
        self.register_buffer("input_mean", torch.zeros(embed_dim))
        self.register_buffer("input_scale", torch.ones(()))
        self.register_buffer("matrix", torch.zeros(dim, embed_dim))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Domain features z [N, Z] of image features [N, D]."""
        return self.standardize(features) @ self.matrix.T

    @classmethod
    def shaped_like(cls, state: Mapping[str, torch.Tensor]) -> LinearMap:
        """See `DomainMap`."""
        dim, embed_dim = state["matrix"].shape
        return cls(embed_dim, dim)

    @classmethod
    def shapes(cls, embed_dim: int) -> dict[str, tuple[int | str, ...]]:
        """See `DomainMap`."""
        return {"input_mean": (embed_dim,), "input_scale": (), "matrix": ("z", embed_dim)}


def kind_of(names: Mapping[str, torch.Tensor]) -> type[DomainMap]:
    """Which kind of map has tensors of these names.

    Returns:
        The MLP where none has; its missing tensors are then named by who checks them.
    """
    for name in DOMAIN_MAPS:
        if DOMAIN_MAPS.facts(name).get("recognized_by") in names:
            return cast("type[DomainMap]", DOMAIN_MAPS.get(name))
    return DomainExtractor


def rebuild(state: Mapping[str, torch.Tensor]) -> DomainMap:
    """A map from its `state_dict()`, no longer trained; sizes are read off the shapes."""
    domain_map = kind_of(state).shaped_like(state)
    domain_map.load_state_dict(dict(state))
    return domain_map.requires_grad_(False)


def seeded_linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer whose start comes from `generator` and touches no global random state."""
    layer = cast(nn.Linear, nn.utils.skip_init(nn.Linear, inputs, outputs))
    nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
    nn.init.uniform_(layer.bias, -1 / math.sqrt(inputs), 1 / math.sqrt(inputs), generator=generator)
    return layer
