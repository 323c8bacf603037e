"""What an image engine is, and the engines by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    Encode = Callable[[np.ndarray], np.ndarray]
    """Pixels [N, 3, H, W] to image features [N, D], both float32."""


class ImageEngine:
    """Base of all engines: something that runs an image tower which was exported as an ONNX file.

    Attributes:
        package: of the engine, as it is imported.
        exports: whether it runs the exported tower; only `torch` does not.
    """

    package: ClassVar[str]
    exports: ClassVar[bool] = True
    registered_name: ClassVar[str]

    def load(self, graph: Path, threads: int) -> Encode:
        """The tower of an ONNX file, on so many threads."""
        raise NotImplementedError

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
