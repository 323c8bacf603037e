"""Whether the tensors of a model folder are there, of the right shape and finite."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import torch

from ldpf.errors import ModelError

Shape = tuple[int | str, ...]
"""Sizes of a tensor; a word stands for any size, the same one wherever it is used."""

LENGTH_TOLERANCE = 1e-3
"""How far from one the length of a text feature may be; half precision stays within it."""

LARGEST_VALUE = 1e12
"""No training makes a value as large. Products of such values and of features, divided by the
smallest temperature, are still finite in float32."""


def check_tensors(
    folder: Path,
    tensors: Mapping[str, torch.Tensor],
    shapes: Mapping[str, Shape],
    minus_infinity: Collection[str] = (),
) -> None:
    """Compare tensors with what they should be.

    Args:
        folder: the model's, for messages.
        tensors: by name.
        shapes: of every tensor that must be there.
        minus_infinity: names of tensors in which -inf has a meaning.

    Raises:
        ModelError: a tensor is missing, of another shape, or holds a value that it should not:
            NaN, an infinite one, or one above `LARGEST_VALUE`.
    """
    known: dict[str, int] = {}
    for name, shape in shapes.items():
        if name not in tensors:
            raise ModelError(
                f"The model in {str(folder)!r} lacks the tensor {name!r}; train again."
            )
        _check_shape(folder, name, tuple(tensors[name].shape), shape, known)
        values = tensors[name]
        if name in minus_infinity:
            values = values[values != -torch.inf]
        if not torch.isfinite(values).all():
            raise ModelError(
                f"The tensor {name!r} in {str(folder)!r} holds NaN or infinite values; train again."
            )
        if not values.is_floating_point() or values.numel() == 0:
            continue
        largest = float(values.abs().max())
        if largest > LARGEST_VALUE:
            raise ModelError(
                f"The tensor {name!r} in {str(folder)!r} holds a value of {largest:.3g}; no "
                f"training makes one above {LARGEST_VALUE:g}. Copy or train the model again."
            )


def check_text_features(features: torch.Tensor) -> None:
    """Refuse text features of a loaded model that are not of length one.

    Args:
        features: [..., D], as kept or as encoded from the prompts that were kept.

    Raises:
        ModelError: one is not finite, or of another length.
    """
    lengths = features.double().norm(dim=-1).flatten()
    wrong = ~((lengths - 1).abs() <= LENGTH_TOLERANCE)  # also where a length is NaN
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise ModelError(
            f"Text feature {row} of the model has length {lengths[row]:.3g} instead of 1; its "
            "values were changed or its prompts are too large to encode. Copy or train the model "
            "again."
        )


def _check_shape(
    folder: Path, name: str, found: tuple[int, ...], shape: Shape, known: dict[str, int]
) -> None:
    """Compare one shape, and note the sizes of words that are used for the first time."""

    def refuse(expected: tuple[int | str, ...], reason: str) -> ModelError:
        return ModelError(
            f"The tensor {name!r} in {str(folder)!r} has shape {found}, expected {expected}; the "
            f"file {reason}."
        )

    fixed = tuple("any" if isinstance(size, str) else size for size in shape)
    if len(found) != len(shape) or any(
        want not in ("any", got) for want, got in zip(fixed, found, strict=True)
    ):
        raise refuse(fixed, "does not belong to this config.json")
    words = {w: got for w, got in zip(shape, found, strict=True) if isinstance(w, str)}
    bound = tuple(known.get(w, words[w]) if isinstance(w, str) else w for w in shape)
    if bound != found:
        raise refuse(bound, "is inconsistent")
    known |= words
