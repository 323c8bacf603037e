"""Features that stay on disk until they are asked for, so that a split of a million copies none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ldpf.data.arrays_on_disk import ArraysOnDisk
from ldpf.errors import DataError
from ldpf.utils.arrays import unit_rows
from ldpf.utils.paths import require_plain

LARGE_BYTES = 2**28
"""Features of this size stay on disk; smaller ones are read at once."""


class Rows(Protocol):
    """Features [N, D] float32 on disk, of which some rows or all can be read."""

    @property
    def shape(self) -> tuple[int, int]:
        """N, D."""
        ...

    def __len__(self) -> int: ...

    def take(self, rows: np.ndarray) -> Rows:
        """Those of the rows [n], which may repeat, in that order; nothing is read."""
        ...

    def read(self) -> Tensor:
        """The features.

        Raises:
            DataError: They are not there any more.
        """
        ...


def is_large(n_rows: int, dim: int) -> bool:
    """Whether features [N, D] stay on disk until they are asked for."""
    return n_rows * dim * 4 >= LARGE_BYTES


@dataclass(frozen=True, eq=False)
class CachedRows:
    """Rows of files of the cache, which are never changed once they are written.

    Attributes:
        files: Safetensors files with a tensor `features`.
        file: [N] int32, into `files`.
        row: [N] int32, of that file.
        dim: D.
    """

    files: tuple[Path, ...]
    file: np.ndarray
    row: np.ndarray
    dim: int

    @property
    def shape(self) -> tuple[int, int]:
        """N, D."""
        return len(self.file), self.dim

    def __len__(self) -> int:
        return len(self.file)

    def take(self, rows: np.ndarray) -> CachedRows:
        """See `Rows`."""
        return CachedRows(self.files, self.file[rows], self.row[rows], self.dim)

    def read(self) -> Tensor:
        """See `Rows`."""
        features = torch.empty(self.shape)
        self.copy_to(features, np.arange(len(self)))
        return features

    def copy_to(self, features: Tensor, rows: np.ndarray) -> None:
        """Read some of these rows to the same rows of features [N, D]; each file is read once.

        Raises:
            DataError: They are not there any more.
        """
        order = rows[np.argsort(self.file[rows], kind="stable")]
        present, starts = np.unique(self.file[order], return_index=True)
        ends = [*starts[1:], len(order)]
        for number, start, end in zip(present, starts, ends, strict=False):
            wanted = order[start:end]
            features.numpy()[wanted] = self._stored(self.files[number])[self.row[wanted]]

    def _stored(self, file: Path) -> np.ndarray:
        try:
            require_plain(file)
            with safe_open(file, framework="np") as shard:
                return shard.get_tensor("features")
        except (OSError, SafetensorError) as error:
            raise DataError(
                f"{file} held features when this began, and can be read no longer ({error}); "
                "run this again, and its images are encoded anew"
            ) from error


@dataclass(frozen=True, eq=False)
class GivenRows:
    """Embeddings on disk as image features.

    Attributes:
        arrays: [N, D] numbers, of any length but zero.
    """

    arrays: ArraysOnDisk

    @property
    def shape(self) -> tuple[int, int]:
        """N, D."""
        return self.arrays.shape

    def __len__(self) -> int:
        return len(self.arrays)

    def take(self, rows: np.ndarray) -> GivenRows:
        """See `Rows`."""
        return GivenRows(self.arrays.take(rows))

    def read(self) -> Tensor:
        """See `Rows`; of length one."""
        return unit_rows(self.arrays)


class ReadOnce:
    """An attribute of features that is given as a tensor, or as rows that the first use reads."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, owner: object | None, kind: type | None = None) -> Tensor:
        if owner is None:  # a data class asks for a default: there is none
            raise AttributeError(self._name)
        held = vars(owner)[self._name]
        if not isinstance(held, Tensor):
            held = vars(owner)[self._name] = cast(Rows, held).read()
        return held

    def __set__(self, owner: object, features: Tensor | Rows) -> None:
        vars(owner)[self._name] = features
