"""What an image engine is, and the engines by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ldpf.backbones import Backbone

    Encode = Callable[[np.ndarray], np.ndarray]
    """Pixels [N, 3, H, W] to image features [N, D], both float32."""

AT_ONCE = 8
"""Images that an exported tower takes at once, as PyTorch does on a CPU; see `ldpf.backbones`."""


class ImageEngine:
    """Base of all engines: most of them run an image tower that was exported as an ONNX file.

    Attributes:
        package: of the engine, as it is imported.
        exports: whether it runs the exported tower; those of PyTorch do not, and run on a GPU too.
        automatic: whether `auto` may take it.
    """

    package: ClassVar[str]
    exports: ClassVar[bool] = True
    automatic: ClassVar[bool] = True
    registered_name: ClassVar[str]

    def load(self, graph: Path, threads: int) -> Encode:
        """The tower of an ONNX file, on so many threads."""
        raise NotImplementedError

    def prepare(self, backbone: Backbone, cache_dir: Path) -> Callable[[Tensor], Tensor]:
        """What encodes preprocessed images [N, 3, H, W] to features [N, D] on the CPU.

        The image tower is exported to the cache first, where it is not there yet.

        Raises:
            BackboneError: the tower cannot be exported.
        """
        import torch

        from ldpf.features.engines.tower import exported_tower

        graph, threads = exported_tower(backbone, cache_dir), torch.get_num_threads()
        try:
            encode = self.load(graph, threads)
        except Exception:  # engines' own errors share no base: a damaged file is made again
            graph.unlink(missing_ok=True)
            encode = self.load(exported_tower(backbone, cache_dir), threads)

        def encode_images(pixels: Tensor) -> Tensor:
            parts = (part.contiguous().numpy() for part in pixels.split(AT_ONCE))
            return torch.cat([torch.from_numpy(encode(part)) for part in parts])

        return encode_images

    @property
    def version(self) -> str | None:
        """Of the package; None where it is not installed."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return None


ENGINES: Registry[ImageEngine] = Registry(
    "image engine", "ldpf.features.engines", variable="ENGINES"
)
"""Engines by the name that they have on the command line."""
