"""Labelled images that are not files of a dataset: they come one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ldpf.data.class_names import checked_names
from ldpf.data.images import (
    UnreadableImageError,
    read_image,
    rgb_image,
)
from ldpf.errors import DataError

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

    Raises:
        DataError: Two names read the same, or one is no text.
    """

    name: str
    rows: Callable[[], Iterator[Row]]
    size: int = 0
    class_names: tuple[str, ...] | None = None
    domain_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        # Here rather than after every image was encoded.
        for field in ("class_names", "domain_names"):
            names = getattr(self, field)
            if names is not None:
                object.__setattr__(self, field, checked_names(names, field))


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
