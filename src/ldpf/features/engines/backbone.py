"""A backbone whose images are encoded by another engine than PyTorch."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ldpf.errors import BackboneError
from ldpf.features.engines.tower import VERSION
from ldpf.utils.ways import setting

if TYPE_CHECKING:
    from PIL import Image

    from ldpf.backbones import Backbone
    from ldpf.features.engines.base import ImageEngine

log = logging.getLogger("ldpf")

TOLERANCE = 1e-3
"""How far below 1 the cosine of a feature with PyTorch's may lie."""

COMPARED = 8
"""Images that are encoded both ways before an engine is trusted."""


@dataclass(frozen=True)
class EngineBackbone:
    """A backbone that encodes images by an engine; its name and settings are the backbone's.

    The first images that it is given are encoded by PyTorch too. Where the two do not agree the
    engine is refused. Features are cached under a fingerprint of their own, since they differ in
    the last digits.

    Attributes:
        plain: the backbone itself.
        engine: what encodes its images.
        cache_dir: where the exported tower is kept.
    """

    plain: Backbone
    engine: ImageEngine
    cache_dir: Path
    _state: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Of the backbone."""
        return self.plain.name

    @property
    def device(self) -> torch.device:
        """Of the backbone."""
        return self.plain.device

    @property
    def embed_dim(self) -> int:
        """D."""
        return self.plain.embed_dim

    @cached_property
    def fingerprint(self) -> str:
        """Hex SHA-256 of the backbone's fingerprint, the engine and its version."""
        parts = (self.plain.fingerprint, VERSION, self.engine.registered_name, self.engine.version)
        return hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()

    def preprocess(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """See `Backbone.preprocess`."""
        return self.plain.preprocess(images)

    def encode_images(self, pixels: torch.Tensor) -> torch.Tensor:
        """Image features of preprocessed images: [N, 3, H, W] to [N, D] float32, on the CPU.

        Raises:
            BackboneError: the engine does not give the features that PyTorch gives.
        """
        features = self.ready()(pixels)
        if "compared" not in self._state:
            self._compare(pixels[:COMPARED], features[:COMPARED])
        return features

    def ready(self) -> Callable[[torch.Tensor], torch.Tensor]:
        """The engine with the tower in it, prepared when it is first needed."""
        if "encode" not in self._state:
            self._state["encode"] = self.engine.prepare(self.plain, self.cache_dir)
        return self._state["encode"]

    def _compare(self, pixels: torch.Tensor, features: torch.Tensor) -> None:
        difference = distance(features, self.plain.encode_images(pixels))
        name = self.engine.registered_name
        if not difference <= TOLERANCE:
            raise BackboneError(
                f"The image engine {name!r} does not give the features that PyTorch gives: the "
                f"cosine is {difference:.2g} below 1 for one of the first {len(pixels)} images, "
                f"and {TOLERANCE:g} is allowed; use {setting('image_engine', 'torch')}."
            )
        log.info(
            "image engine: %s agrees with torch on the first %d images (cosine at most %.1g "
            "below 1)",
            name,
            len(pixels),
            difference,
        )
        self._state["compared"] = difference


def distance(features: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest 1 - cosine of any row; infinity where one is not finite.

    From the squared distance of rows of length one: 1 - a . b would be rounded to multiples of
    1e-7.
    """
    a, b = (torch.nn.functional.normalize(x.double(), dim=-1) for x in (features, expected))
    value = float(((a - b).square().sum(dim=-1) / 2).max())
    return value if value == value else float("inf")
