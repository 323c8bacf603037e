"""Tables of numbers in NumPy's files, of which nothing is trusted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ldpf.errors import DataError


def mapped_array(file: Path) -> np.ndarray:
    """The table [N, D] in a `.npy` file, mapped into memory and not yet read.

    Raises:
        DataError: The file cannot be read as an array, or holds no table of numbers.
    """
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
