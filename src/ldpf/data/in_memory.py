"""Labelled images that are not files of a dataset: they come one after the other."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ldpf.data.class_names import readable_name
from ldpf.data.images import (
    UnreadableImageError,
    read_image,
    rgb_image,
)
from ldpf.errors import DataError
from ldpf.utils.text import some

Row = tuple[Any, Any, Any] | tuple[Any, Any, Any, Any]
"""An image, its label, its domain or None, and perhaps its group (see `ldpf.data.groups`)."""


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images with labels from anywhere; `ldpf.extract_features` encodes them in one pass.

    Made by `from_huggingface`, `from_torch` and `from_arrays`. No image is kept, so there may be
    any number of them.

    Attributes:
        name: What tables call it.
        rows: Gives a new iterator over (image, label, domain or None), perhaps with a group.
        size: How many rows there will be; 0 where nobody knows.
        class_names: Names of labels that are numbers from 0; None for labels that are names.
        domain_names: The same for domains.
    """

    name: str
    rows: Callable[[], Iterator[Row]]
    size: int = 0
    class_names: tuple[str, ...] | None = None
    domain_names: tuple[str, ...] | None = None


def ids_of(
    values: Sequence[Any], names: Sequence[str] | None, kind: str
) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and ids [N] int64 of labels or domains.

    Args:
        values: Numbers into `names`, or names themselves; without `names` any numbers or strings,
            which are then named after themselves in sorted order.
        names: All names there are, or None.
        kind: "label" or "domain".

    Raises:
        DataError: A value is missing, of another kind than the others, or has no name.
    """
    plain = [value.item() if hasattr(value, "item") else value for value in values]
    for row, value in enumerate(plain):
        if value is None or not isinstance(value, (int, str)):
            raise DataError(f"row {row} has the {kind} {value!r}; give a name or a whole number")
    if names is not None:
        index: dict[Any, int] = {name: i for i, name in enumerate(names)}
        index |= {i: i for i in range(len(names))}
        for row, value in enumerate(plain):
            if value not in index:
                raise DataError(
                    f"row {row} has the {kind} {value!r}, which is none of the {len(names)} named: "
                    f"{some(names, limit=10)} "
                    f"(0 to {len(names) - 1})"
                )
        return tuple(names), np.array([index[value] for value in plain], np.int64)
    if len({isinstance(value, str) for value in plain}) > 1:
        raise DataError(f"some {kind}s are names and some are numbers; give one kind")
    distinct = sorted(set(plain))
    if kind == "label" and not isinstance(distinct[0], str):
        warnings.warn(
            f"The labels are numbers ({distinct[:3]}, ...), which say nothing to a text encoder; "
            "pass class_names with the words for them.",
            stacklevel=4,
        )
    words = [str(value) for value in distinct]
    if kind == "label" and isinstance(distinct[0], str):
        words = [readable_name(word) for word in words]
    if len(set(words)) < len(words):
        raise DataError(f"two {kind}s are both called {_twice(words)!r}; give them different names")
    place = {value: i for i, value in enumerate(distinct)}
    return tuple(words), np.array([place[value] for value in plain], np.int64)


def to_picture(image: Any, name: str) -> Image.Image:
    """Any kind of image as 8-bit RGB, upright.

    Args:
        image: A PIL image; a path; a mapping with `bytes` or `path`, as tables of images have it;
            an array or tensor, uint8 or floats from 0 to 1, [H, W], [H, W, 3], or channels first
            as in PyTorch, [1, H, W] or [3, H, W].
        name: Names it in an error.

    Raises:
        UnreadableImageError: It is damaged.
        DataError: It is of another kind.
    """
    if isinstance(image, Image.Image):
        try:
            return rgb_image(image, name)
        except OSError as error:
            raise UnreadableImageError(name, f"damaged or cut off: {error}") from error
    if isinstance(image, (str, Path)):
        return read_image(image)
    if isinstance(image, dict) and (image.get("bytes") or image.get("path")):
        data = image.get("bytes")
        return read_image(name if data else image["path"], data=data)
    pixels: Any = image
    if hasattr(pixels, "detach"):  # a tensor
        pixels = pixels.detach().cpu().numpy()
    if isinstance(pixels, np.ndarray):
        return _from_array(pixels, name)
    raise DataError(
        f"{name} is of type {type(image).__name__}; an image is a PIL image, a path, or an array "
        "or tensor of pixels"
    )


def _from_array(pixels: np.ndarray, name: str) -> Image.Image:
    seen = f"{pixels.dtype} {pixels.shape}"
    if pixels.ndim == 3 and pixels.shape[2] != 3 and pixels.shape[0] in (1, 3):
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    shaped = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if not shaped or not pixels.size or not (pixels.dtype == np.uint8 or pixels.dtype.kind == "f"):
        raise DataError(
            f"{name} is an array {seen}; pixels are uint8, or floats from 0 to 1, of shape [H, W], "
            "[H, W, 3] or [3, H, W]"
        )
    if pixels.dtype.kind == "f":
        low, high = float(pixels.min()), float(pixels.max())
        if not (low >= 0 and high <= 1):
            raise DataError(
                f"{name} holds floats from {low:.3g} to {high:.3g}; pixels are uint8, or floats "
                "from 0 to 1. Leave out Normalize: the backbone has a normalisation of its own"
            )
        pixels = np.floor(pixels * 255 + 0.5).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")


def _twice(words: Sequence[str]) -> str:
    return next(word for i, word in enumerate(words) if word in words[:i])
