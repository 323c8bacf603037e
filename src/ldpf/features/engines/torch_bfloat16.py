"""PyTorch in bfloat16: for GPUs, and processors that multiply it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ldpf.features.engines.base import ENGINES, ImageEngine

if TYPE_CHECKING:
    from torch import Tensor

    from ldpf.backbones import Backbone


@ENGINES.register("torch-bf16")
@dataclass(frozen=True)
class TorchBfloat16(ImageEngine):
    """PyTorch with matrix products and convolutions in bfloat16, on any device.

    Its eight bits of precision move features more than another engine does, so `auto` does not take
    it; a tower for which that is too much is refused like any other engine.
    """

    package: ClassVar[str] = "torch"
    exports: ClassVar[bool] = False
    automatic: ClassVar[bool] = False

    def prepare(self, backbone: Backbone, cache_dir: Path) -> Callable[[Tensor], Tensor]:
        """See `ImageEngine.prepare`; nothing is exported."""
        import torch

        def encode_images(pixels: Tensor) -> Tensor:
            with torch.autocast(backbone.device.type, torch.bfloat16):
                return backbone.encode_images(pixels)

        return encode_images
