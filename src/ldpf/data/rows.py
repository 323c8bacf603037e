"""The rows of whatever holds labels, domains or groups: lists, arrays, tensors, columns, tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np

from ldpf.errors import DataError
from ldpf.utils.text import some


def listed(values: Any, kind: str) -> Iterable[Any]:
    """The rows of whatever holds them."""
    if isinstance(values, str | bytes | Mapping | AbstractSet) or values is None:
        raise DataError(
            f"{kind}s are a list in the order of the images, not a {type(values).__name__}"
        )
    if hasattr(values, "tocsr"):
        raise DataError(
            f"{kind}s are a sparse matrix of shape {values.shape}; each image has one {kind}: give "
            "a list of ids or names"
        )
    if hasattr(values, "columns") and hasattr(values, "to_numpy"):  # a table of pandas or polars
        columns = list(values.columns)
        _require_one_column(columns, kind)
        return values[columns[0]] if columns else []
    if hasattr(values, "to_pylist"):  # of Arrow
        columns = list(getattr(values, "column_names", ()))
        _require_one_column(columns, kind)
        return values.column(0).to_pylist() if columns else values.to_pylist()
    if not hasattr(values, "__iter__") and hasattr(values, "__array__"):
        values = np.asarray(values)
    if hasattr(values, "detach"):  # a tensor
        from ldpf.utils.arrays import dense  # torch only for those who have it loaded

        values = dense(values)
    if getattr(values, "ndim", 1) == 2 and values.shape[1] == 1:  # a column
        values = values.reshape(-1)
    if hasattr(values, "detach"):  # a tensor; NumPy has no bfloat16
        values = values.detach().cpu().tolist()
    elif isinstance(values, np.ndarray) and values.dtype.kind in "biufU":
        # Masked values become None in a list.
        values = values.tolist()
    try:
        return list(values)
    except TypeError:
        way = "collect it first" if hasattr(values, "collect") else "give a list"
        raise DataError(
            f"{kind}s are one {type(values).__name__}; {way}, one for each image"
        ) from None


def _require_one_column(columns: Sequence[str], kind: str) -> None:
    if len(columns) > 1:
        raise DataError(
            f"{kind}s are a table of {len(columns)} columns ({some(columns, limit=5)}); give "
            "the one column that holds them"
        )
