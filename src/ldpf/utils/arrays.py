"""Rows as people have them: anything with a length, and tables of numbers as image features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from ldpf.errors import DataError


def as_sequence(inputs: Any) -> Sequence[Any] | np.ndarray:
    """Inputs as something that has a length and can be indexed; one that is so stays as it is.

    Raises:
        DataError: a single input instead of several, none at all, or nothing of this kind.
    """
    if isinstance(inputs, (str, Path, Image.Image)):
        raise DataError(
            f"A single {type(inputs).__name__} was given; give a list, even of one: [{inputs!r}]."
        )
    if isinstance(inputs, torch.Tensor):
        inputs = inputs.detach().cpu()
        # NumPy has no bfloat16; float64 stays, since its largest numbers are none of float32.
        narrow = inputs.is_floating_point() and inputs.dtype != torch.float64
        inputs = (inputs.float() if narrow else inputs).numpy()
    elif hasattr(inputs, "to_numpy"):  # a column or table of pandas, whose index may be any
        inputs = inputs.to_numpy()
    is_array = isinstance(inputs, np.ndarray) and inputs.ndim > 0
    if not is_array and not isinstance(inputs, Sequence):
        raise DataError(not_understood(inputs))
    if len(inputs) == 0:
        raise DataError("There are no inputs; give at least one image, path or feature row.")
    return inputs


def not_understood(item: Any) -> str:
    """A sentence for an input of a kind that is not understood."""
    return (
        f"Inputs of type {type(item).__name__} are not understood; give features [N, D], paths, "
        "PIL images, or uint8 pixels [N, H, W, 3]."
    )


def unit_rows(array: np.ndarray) -> torch.Tensor:
    """A table of numbers [N, D] as image features: float32, each row of length one.

    Rows of any finite size work, also of 1e-300 or 1e300: each is first divided by the power of two
    above its largest absolute value. That is exact, so the rows of usual size keep their bits.

    Raises:
        DataError: a row is not finite, or all zero.
    """
    # Half precision fits into float32 as it is; everything wider is scaled before it is narrowed.
    narrow = array.dtype.kind == "f" and array.dtype.itemsize <= 4
    rows = array.astype(np.float32 if narrow else np.float64)
    largest = np.abs(rows).max(axis=1, initial=0.0)  # [N]; NaN where a row holds one
    wrong = ~np.isfinite(largest) | (largest == 0)
    if wrong.any():
        raise DataError(_no_direction(rows, wrong))
    _, exponents = np.frexp(largest)
    scaled = np.ldexp(rows, -exponents[:, None]).astype(np.float32)
    return F.normalize(torch.from_numpy(scaled), dim=-1)


def _no_direction(rows: np.ndarray, wrong: np.ndarray) -> str:
    """A sentence for the first row of [N, D] that cannot be scaled to length one."""
    row = int(wrong.argmax())
    bad = np.flatnonzero(~np.isfinite(rows[row]))
    seen = f"{rows[row, bad[0]]} in column {bad[0]}" if len(bad) else "zeros only"
    return (
        f"Feature row {row} holds NaN or infinite values, or zeros only (here {seen}; "
        f"{int(wrong.sum())} such rows); an image feature is finite and not zero."
    )
