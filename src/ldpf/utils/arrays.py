"""Rows as people have them: anything with a length, and tables of numbers as image features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from ldpf.errors import DataError
from ldpf.utils.text import quoted, some


def as_sequence(inputs: Any) -> Sequence[Any] | np.ndarray:
    """Inputs as something that has a length and can be indexed; one that is so stays as it is.

    Raises:
        DataError: a single input instead of several, none at all, or nothing of this kind.
    """
    if isinstance(inputs, (str, bytes, bytearray, Path, Image.Image)):
        raise DataError(
            f"A single {type(inputs).__name__} was given; give a list, even of one: "
            f"[{quoted(inputs)}]."
        )
    if isinstance(inputs, Iterator):
        raise DataError(
            f"Inputs of type {type(inputs).__name__} are not understood; give a list: list(inputs)."
        )
    if hasattr(inputs, "tocsr"):
        raise DataError(
            f"A sparse matrix of shape {inputs.shape} was given; give an array: inputs.toarray()."
        )
    inputs = _column(inputs)
    inputs = refuse_masked(on_host(inputs), "The array")
    is_array = isinstance(inputs, np.ndarray) and inputs.ndim > 0
    if not is_array and not isinstance(inputs, Sequence):
        raise DataError(not_understood(inputs))
    if len(inputs) == 0:
        raise DataError("There are no inputs; give at least one image, path or feature row.")
    return inputs


def on_host(values: Any) -> Any:
    """An array or tensor of any library as one of NumPy; anything else as it is."""
    if isinstance(values, np.ndarray | np.generic | str | bytes | Sequence):
        return values
    if isinstance(values, torch.Tensor):
        values = dense(values).detach().cpu()
        # NumPy has no bfloat16; float64 stays, since its largest numbers are none of float32.
        narrow = values.is_floating_point() and values.dtype not in (torch.float64, torch.float16)
        return (values.float() if narrow else values).numpy()
    if hasattr(values, "to_numpy_ndarray"):  # tensors of Arrow
        return values.to_numpy_ndarray()
    if hasattr(values, "to_pylist"):  # of Arrow
        return values.to_pylist()
    if hasattr(values, "to_numpy"):  # a column or table of pandas, whose index may be any
        found = values.to_numpy()
        several = found.dtype == object and found.ndim > 1 and hasattr(values, "to_list")
        return values.to_list() if several else found  # structs of polars
    if hasattr(values, "__cuda_array_interface__") and hasattr(values, "get"):  # of CuPy
        return np.asarray(values.get())
    if hasattr(values, "__array__") and hasattr(values, "shape"):
        return np.asarray(values)
    return values


def dense(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor whose values can be read one by one; one that is so stays as it is.

    Raises:
        DataError: it is nested, or has no values.
    """
    if tensor.is_nested:
        raise DataError(
            "A nested tensor was given; give a list of tensors: list(x.unbind()), or one tensor."
        )
    if tensor.is_meta:
        raise DataError("A tensor on the device 'meta' was given, which holds no values.")
    if tensor.is_quantized:
        return tensor.dequantize()
    return tensor.to_dense() if tensor.layout != torch.strided else tensor


def refuse_masked(values: Any, name: str) -> Any:
    """A masked array as a plain one.

    Raises:
        DataError: values are masked in it: they would come back unmasked, whatever they are.
    """
    if not np.ma.isMaskedArray(values):
        return values
    masked = int(np.ma.getmaskarray(values).sum())
    if masked:
        raise DataError(
            f"{name} has {masked:,} masked values; fill them first: inputs.filled(0), or leave "
            "those rows out"
        )
    return np.asarray(values)


def is_frame(inputs: Any) -> bool:
    """Whether inputs are a table with named columns, of pandas or polars."""
    return hasattr(inputs, "columns") and hasattr(inputs, "to_numpy")


def holds_text(frame: Any) -> bool:
    """Whether a column of a table holds texts or objects, such as paths."""
    return any(np.asarray(frame[name]).dtype.kind in "OUS" for name in frame.columns)


def _column(inputs: Any) -> Any:
    """The only column of a table of paths or images; anything else as it is."""
    of_arrow = hasattr(inputs, "column_names") and hasattr(inputs, "to_pylist")
    if of_arrow:
        columns = list(inputs.column_names)
        if all(np.asarray(inputs.column(i)).dtype.kind in "fiu" for i in range(len(columns))):
            return np.asarray(inputs)
    elif not is_frame(inputs) or not holds_text(inputs):
        return inputs
    else:
        columns = list(inputs.columns)
    if len(columns) > 1:
        raise DataError(
            f"A table with columns {some(columns, limit=5)} was given; give the column of paths or "
            f"images alone, such as inputs[{columns[0]!r}]."
        )
    return inputs[columns[0]]


def not_understood(item: Any) -> str:
    """A sentence for an input of a kind that is not understood."""
    if hasattr(item, "collect"):
        return f"A {type(item).__name__} was given; collect it first: inputs.collect()."
    return (
        f"Inputs of type {type(item).__name__} are not understood; give features [N, D], paths, "
        "PIL images, or uint8 pixels [N, H, W, 3]."
    )


_BLOCK = 16_384
"""Rows that `unit_rows` scales at once."""


class Table(Protocol):
    """Numbers [N, D]: an array, or what gives an array for some of its rows."""

    @property
    def shape(self) -> tuple[int, ...]:
        """N, D."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the numbers."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Any: ...


def unit_rows(array: Table) -> torch.Tensor:
    """A table of numbers [N, D] as image features: float32, each row of length one.

    Rows of any finite size work, also of 1e-300 or 1e300: each is first divided by the power of two
    above its largest absolute value. That is exact, so the rows of usual size keep their bits.

    Raises:
        DataError: a row is not finite, or all zero.
    """
    units = torch.empty(array.shape)
    wrong = np.zeros(len(array), dtype=bool)
    # In blocks: a million rows at once would take several times their memory.
    for block, rows, largest in _blocks(array):
        wrong[block] = _is_wrong(largest)
        if not wrong[block].any():
            _, exponents = np.frexp(largest)
            scaled = np.ldexp(rows, -exponents[:, None]).astype(np.float32)
            units[block] = F.normalize(torch.from_numpy(scaled), dim=-1)
    if wrong.any():
        raise DataError(_no_direction(array, wrong))
    return units


def check_rows(array: Table) -> None:
    """Refuse what `unit_rows` would refuse, without its memory.

    Raises:
        DataError: a row is not finite, or all zero.
    """
    wrong = np.zeros(len(array), dtype=bool)
    for block, _, largest in _blocks(array):
        wrong[block] = _is_wrong(largest)
    if wrong.any():
        raise DataError(_no_direction(array, wrong))


def _blocks(array: Table) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Rows [n, D], and the largest absolute value of each [n], NaN where a row holds one."""
    # Half precision fits into float32 as it is; everything wider is scaled before it is narrowed.
    narrow = array.dtype.kind == "f" and array.dtype.itemsize <= 4
    for block in (slice(i, i + _BLOCK) for i in range(0, len(array), _BLOCK)):
        rows = array[block].astype(np.float32 if narrow else np.float64)
        yield block, rows, np.abs(rows).max(axis=1, initial=0.0)


def _is_wrong(largest: np.ndarray) -> np.ndarray:
    return ~np.isfinite(largest) | (largest == 0)


def _no_direction(rows: Table, wrong: np.ndarray) -> str:
    """A sentence for the first row of [N, D] that cannot be scaled to length one."""
    row = int(wrong.argmax())
    bad = np.flatnonzero(~np.isfinite(rows[row].astype(np.float64)))
    seen = f"{rows[row, bad[0]]} in column {bad[0]}" if len(bad) else "zeros only"
    return (
        f"Feature row {row} holds NaN or infinite values, or zeros only (here {seen}; "
        f"{int(wrong.sum())} such rows); an image feature is finite and not zero."
    )
