"""Style statistics of an early layer of the image tower, next to the image feature."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from ldpf.errors import BackboneError

if TYPE_CHECKING:
    from PIL import Image

    from ldpf.backbones.base import Backbone

DEPTH = 0.25
"""Where in the tower the statistics are taken: behind the block at a quarter of its depth."""

_VERSION = "style-1"


@dataclass(frozen=True)
class StyledBackbone:
    """A backbone whose encoding of an image is its feature and, behind it, its style statistics.

    Mean and standard deviation of every channel over positions (of a feature map, or of patch
    tokens) tell the style of an image more than its content; early layers most (AdaIN, Huang &
    Belongie 2017; MixStyle, Zhou et al. 2021). They are read by a hook in the same pass that gives
    the feature, behind one block of the largest stack of blocks in the image tower: the one at a
    quarter of its depth (block 3 of the 12 of a ViT-B, block 4 of the 16 of MobileNetV2). A class
    token is left out. It stands in for the backbone where images are encoded, with a fingerprint of
    its own, so that both are cached together under a key of their own.

    Attributes:
        plain: the backbone itself.
    """

    plain: Backbone

    @property
    def name(self) -> str:
        """Of the backbone."""
        return self.plain.name

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.plain.device

    @cached_property
    def fingerprint(self) -> str:
        """Hex SHA-256 of the backbone's fingerprint and of the layer that is read."""
        layer, _ = early_block(self.plain)
        return hashlib.sha256(f"{self.plain.fingerprint} {_VERSION} {layer}".encode()).hexdigest()

    @cached_property
    def embed_dim(self) -> int:
        """D + E, with E twice the channels of the layer."""
        size = self.plain.image_size
        return self.encode_images(torch.zeros(1, 3, size, size)).shape[1]

    def preprocess(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """See `Backbone.preprocess`."""
        return self.plain.preprocess(images)

    def encode_images(self, pixels: torch.Tensor) -> torch.Tensor:
        """Feature [D] of length one and style statistics [E] of each image, [N, D + E] float32."""
        _, block = early_block(self.plain)
        parts: list[torch.Tensor] = []

        def read(module: Any, inputs: Any, output: Any) -> None:
            values = output[0] if isinstance(output, tuple) else output
            parts.append(channel_statistics(values.detach()).cpu())

        hook = block.register_forward_hook(read)
        try:
            features = self.plain.encode_images(pixels)
        finally:
            hook.remove()
        return torch.cat([features, torch.cat(parts)], dim=1)


def early_block(backbone: Backbone) -> tuple[str, torch.nn.Module]:
    """The block whose output tells the style, and its name in the image tower.

    Raises:
        BackboneError: the image tower has no stack of blocks.
    """
    tower = backbone.model.vision_model
    # timm's towers keep their blocks in a Sequential.
    stacks = _stacks(tower, torch.nn.ModuleList) or _stacks(tower, torch.nn.Sequential)
    if not stacks:
        raise BackboneError(
            f"The image tower of backbone {backbone.name!r} has no stack of blocks to read style "
            "statistics from; use discovery.features='image'."
        )
    # The first of the longest: the tower's own, not a part of one of its blocks.
    name = max(stacks, key=lambda name: len(stacks[name]))
    place = max(math.ceil(DEPTH * len(stacks[name])) - 1, 0)
    return f"{name}.{place}", stacks[name][place]


def _stacks(tower: torch.nn.Module, kind: type[torch.nn.Module]) -> dict[str, Any]:
    """Lists of several blocks in a tower, by name."""
    lists: dict[str, Any] = {
        name: module for name, module in tower.named_modules() if isinstance(module, kind)
    }
    return {name: blocks for name, blocks in lists.items() if len(blocks) > 1}


def channel_statistics(values: torch.Tensor) -> torch.Tensor:
    """Mean and standard deviation over positions of each channel.

    Args:
        values: a feature map [N, C, H, W], or tokens [N, T, C], the first of which is left out if
            the others are as many as a square has (it is a class token).

    Returns:
        [N, 2C] float32.
    """
    if values.ndim == 4:
        positions = values.float().flatten(2)  # [N, C, H * W]
    else:
        tokens = values.float()
        rest = tokens.shape[1] - 1
        if rest > 0 and math.isqrt(rest) ** 2 == rest:
            tokens = tokens[:, 1:]
        positions = tokens.transpose(1, 2)  # [N, C, T]
    deviation = positions.var(dim=2, unbiased=False).sqrt()
    return torch.cat([positions.mean(dim=2), deviation], dim=1)
