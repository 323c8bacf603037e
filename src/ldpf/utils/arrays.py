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
        inputs = (inputs.float() if inputs.is_floating_point() else inputs).numpy()
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

    Raises:
        DataError: a row is not finite, or all zero.
    """
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, and is refused
        features = torch.from_numpy(array.astype(np.float32))
    wrong = ~torch.isfinite(features).all(dim=1) | (features.abs().sum(dim=1) == 0)
    if wrong.any():
        raise DataError(
            f"Feature row {int(wrong.nonzero()[0])} holds NaN or infinite values, or zeros only "
            f"({int(wrong.sum())} such rows); an image feature is finite and not zero."
        )
    return F.normalize(features, dim=-1)
