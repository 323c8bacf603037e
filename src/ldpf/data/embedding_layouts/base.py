"""What a layout of embeddings in a folder is, and the layouts by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    from ldpf.data.arrays_on_disk import ArraysOnDisk
    from ldpf.data.image_folder import Listing


class EmbeddingLayout:
    """Base of all layouts: how a folder of embeddings is known and read."""

    def recognizes(self, folder: Path) -> bool:
        """Whether the folder has this layout; looks at names only, and at few of them."""
        raise NotImplementedError

    def labeled(self, folder: Path) -> tuple[Listing, np.ndarray | None, np.ndarray | ArraysOnDisk]:
        """The listing, [N] split names or None, and the embeddings [N, D], all rows in order.

        Raises:
            DataError: A part is missing or cannot be read, there are no labels, or parts differ.
        """
        raise NotImplementedError

    def parts(self, folder: Path) -> Iterator[tuple[list[str], np.ndarray]]:
        """Names and embeddings [n, D] of one part after the other, labels or not.

        Raises:
            DataError: A part is missing or cannot be read.
        """
        raise NotImplementedError


EMBEDDING_LAYOUTS: Registry[EmbeddingLayout] = Registry(
    "layout of embeddings", "ldpf.data.embedding_layouts", variable="EMBEDDING_LAYOUTS"
)
"""Layouts of folders of embeddings by name."""


def layout_of(folder: Path) -> EmbeddingLayout | None:
    """The layout of a folder of embeddings; None for any other folder or file."""
    if not folder.is_dir():
        return None
    layouts = (EMBEDDING_LAYOUTS.make(name) for name in EMBEDDING_LAYOUTS.names())
    return next((layout for layout in layouts if layout.recognizes(folder)), None)
