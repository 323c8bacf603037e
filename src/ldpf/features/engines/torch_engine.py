"""PyTorch itself: the reference that every other engine is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ldpf.features.engines.base import ENGINES, ImageEngine


@ENGINES.register("torch")
@dataclass(frozen=True)
class Torch(ImageEngine):
    """PyTorch, on any device: the reference."""

    package: ClassVar[str] = "torch"
    exports: ClassVar[bool] = False
