"""Tables of numbers in NumPy's files, of which nothing is trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ldpf.errors import DataError

LARGE_BYTES = 2**28
"""Tables of this size stay on disk."""

_BLOCK = 16_384
"""Rows that are read at once, so that memory never holds two copies."""


def mapped_array(file: Path) -> np.ndarray:
    """The table [N, D] in a `.npy` file, mapped into memory and not yet read.

    Raises:
        DataError: The file cannot be read as an array, or holds no table of numbers.
    """
    if file.exists() and not file.is_file():  # a pipe would be waited for
        raise DataError(f"cannot read the array {file}: it is no regular file")
    try:
        # Mapped, not read: the size that the header claims is compared with the file's first.
        array = np.load(file, allow_pickle=False, mmap_mode="r")
    except Exception as error:
        # NumPy raises nearly everything on files that are no arrays: ValueError, EOFError,
        # SyntaxError, TokenError, MemoryError, BadZipFile ...
        reason = getattr(error, "strerror", None) or error
        if "Python objects" in str(error):
            reason = "Object arrays cannot be loaded: reading them could run code"
        raise DataError(
            f"cannot read the array {file} ({reason}); write it with numpy.save, as numbers"
        ) from error
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "fiu":
        seen = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else "an archive"
        raise DataError(f"{file} should hold a table of numbers [N, D]; it holds {seen}")
    return array


@dataclass(frozen=True, eq=False)
class ArraysOnDisk:
    """Tables in `.npy` files, one below the other, of which what is asked for is read.

    No file stays mapped: one that is cut off meanwhile would end the process.

    Attributes:
        files: In their order.
        starts: [files + 1] int64, the row at which each begins, and all rows.
        dim: D.
        dtype: That all of them fit into.
        rows: [N] int64, those that are meant; None for all.
    """

    files: tuple[Path, ...]
    starts: np.ndarray
    dim: int
    dtype: np.dtype[Any]
    rows: np.ndarray | None = None

    @classmethod
    def of(cls, files: Sequence[Path], arrays: Sequence[np.ndarray]) -> ArraysOnDisk:
        """Files with what `mapped_array` gives for each; all have the same D."""
        starts = np.cumsum([0, *(len(array) for array in arrays)])
        dtype = np.result_type(*(array.dtype for array in arrays))
        return cls(tuple(files), starts, arrays[0].shape[1], dtype)

    def held(self) -> np.ndarray | ArraysOnDisk:
        """These, or the numbers themselves where they take little memory."""
        return self if self.dim * len(self) * self.dtype.itemsize >= LARGE_BYTES else np.array(self)

    @property
    def shape(self) -> tuple[int, int]:
        """N, D."""
        return len(self), self.dim

    def __len__(self) -> int:
        return int(self.starts[-1]) if self.rows is None else len(self.rows)

    def take(self, rows: np.ndarray) -> ArraysOnDisk:
        """Those of the rows, in that order; nothing is read."""
        rows = rows if self.rows is None else self.rows[rows]
        return ArraysOnDisk(self.files, self.starts, self.dim, self.dtype, rows)

    def __getitem__(self, index: Any) -> np.ndarray:
        """Rows as NumPy would give them, for a number, a slice or an array of numbers.

        Raises:
            DataError: A file is there no longer, or another one.
        """
        rows = np.arange(len(self))[index] if self.rows is None else self.rows[index]
        values = np.empty((*rows.shape, self.dim), self.dtype)
        files = np.searchsorted(self.starts, rows, side="right") - 1
        for number in np.unique(files):
            here = files == number
            array = mapped_array(self.files[number])
            expected = (int(self.starts[number + 1] - self.starts[number]), self.dim)
            if array.shape != expected:
                raise DataError(
                    f"{self.files[number]} held a table {list(expected)} when this began, and now "
                    f"holds {list(array.shape)}; run this again"
                )
            within = rows[here] - self.starts[number]
            values[here] = _picked(self.files[number], array, within)
        return values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = np.empty(self.shape, self.dtype if dtype is None else dtype)
        for start in range(0, len(self), _BLOCK):
            values[start : start + _BLOCK] = self[start : start + _BLOCK]
        return values


def _picked(file: Path, array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows of a file's array, which is mapped."""
    first, last = int(rows.min()), int(rows.max())
    span = last + 1 - first
    if isinstance(array, np.memmap) and array.flags.c_contiguous and span <= 4 * len(rows):
        # Reading once is several times faster than the faults of as many mapped pages.
        begin = array.offset + first * array[0].nbytes
        read = np.fromfile(file, array.dtype, span * array.shape[1], offset=begin)
        if read.size == span * array.shape[1]:
            return read.reshape(span, -1)[rows - first]
    return array[rows]
