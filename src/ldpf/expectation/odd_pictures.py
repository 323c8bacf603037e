"""Pictures of nothing: noise, one color, gradients, stripes. A model should not answer them.

They stand for what no training image shows and every camera sometimes gives: a covered lens, a
broken file, a test pattern. Features of them tell where such pictures lie for a backbone, which
the training images cannot (outlier exposure: Hendrycks, Mazeika, Dietterich, ICLR 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

if TYPE_CHECKING:
    from ldpf.backbones import Backbone

SIDE = 128
"""Pixels of a side."""

EACH = 6
"""Pictures of each kind."""

_BATCH = 20


def _resized(pixels: np.ndarray) -> Image.Image:
    """Pixels [h, w, 3] at full size, smoothly between them."""
    image = Image.fromarray(pixels.astype(np.uint8))
    return image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def _noise(draws: np.random.Generator) -> Image.Image:
    return _resized(draws.integers(0, 256, (SIDE, SIDE, 3)))


def _gray_noise(draws: np.random.Generator) -> Image.Image:
    return _resized(np.repeat(draws.integers(0, 256, (SIDE, SIDE, 1)), 3, axis=2))


def _coarse_noise(draws: np.random.Generator) -> Image.Image:
    return _resized(draws.integers(0, 256, (16, 16, 3)))


def _clouds(draws: np.random.Generator) -> Image.Image:
    return _resized(draws.integers(0, 256, (4, 4, 3)))


def _color(draws: np.random.Generator) -> Image.Image:
    return _resized(draws.integers(0, 256, (1, 1, 3)))


def _dark(draws: np.random.Generator) -> Image.Image:
    return _resized(np.full((1, 1, 3), draws.integers(0, 24)))


def _bright(draws: np.random.Generator) -> Image.Image:
    return _resized(np.full((1, 1, 3), 255 - draws.integers(0, 24)))


def _gradient(draws: np.random.Generator) -> Image.Image:
    first, last = draws.integers(0, 256, (2, 3))
    share = np.linspace(0, 1, SIDE)[:, None, None]
    image = Image.fromarray(
        np.broadcast_to(first * (1 - share) + last * share, (SIDE, SIDE, 3)).astype(np.uint8)
    )
    return image.rotate(90 * int(draws.integers(0, 4)))


def _stripes(draws: np.random.Generator) -> Image.Image:
    width, colors = int(draws.integers(2, 20)), draws.integers(0, 256, (2, 3))
    rows = colors[(np.arange(SIDE) // width) % 2]
    image = Image.fromarray(np.broadcast_to(rows, (SIDE, SIDE, 3)).astype(np.uint8))
    return image.rotate(90 * int(draws.integers(0, 2)))


KINDS: Mapping[str, Callable[[np.random.Generator], Image.Image]] = {
    "noise": _noise,
    "gray noise": _gray_noise,
    "coarse noise": _coarse_noise,
    "clouds of color": _clouds,
    "one color": _color,
    "black": _dark,
    "white": _bright,
    "gradient": _gradient,
    "stripes": _stripes,
}
"""Kinds of pictures that show nothing."""


def odd_pictures(each: int = EACH, seed: int = 0) -> list[Image.Image]:
    """`each` pictures of every kind, the same for the same seed."""
    draws = np.random.default_rng(seed)
    return [make(draws) for make in KINDS.values() for _ in range(each)]


def odd_features(backbone: Backbone) -> torch.Tensor:
    """Features [n, D] of such pictures by a backbone; kept for the next model on the same one."""
    if backbone.fingerprint not in _FEATURES:
        pictures = odd_pictures()
        batches = (pictures[i : i + _BATCH] for i in range(0, len(pictures), _BATCH))
        _FEATURES[backbone.fingerprint] = torch.cat(
            [backbone.encode_images(backbone.preprocess(batch)) for batch in batches]
        )
    return _FEATURES[backbone.fingerprint]


_FEATURES: dict[str, torch.Tensor] = {}
"""By fingerprint of the backbone."""
