"""Pictures that are no dataset of files: what counts as several, and each as 8-bit RGB.

The estimators, `from_arrays`, `from_torch` and `from_huggingface` all read pictures here, by the
rules that files have.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import IOBase
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ldpf.data.images import UnreadableImageError, read_image, rgb_image
from ldpf.errors import DataError
from ldpf.utils.arrays import as_sequence, on_host, refuse_masked
from ldpf.utils.text import quoted

_CHANNELS = (1, 3, 4)
"""Gray, RGB, RGBA."""

_ROUNDING = 1 / 255
"""By how much floats may lie outside of 0 to 1, as arithmetic leaves them: a level of gray."""

_NUMBERS = (int, float, list, tuple, np.ndarray, np.number, torch.Tensor)
"""What a picture as nested lists is made of."""


def pictures_of(inputs: Any) -> Sequence[Any] | np.ndarray:
    """The pictures of whatever holds several of them, one for each row; they are not read yet.

    Args:
        inputs: A list, column or object array of anything that `to_picture` takes; or pixels
            [N, H, W, C], [N, C, H, W] or [N, H, W] with C of 1, 3 or 4.

    Raises:
        DataError: It is one picture, none at all, or an array of another shape.
    """
    pictures = as_sequence(inputs)
    if isinstance(pictures, np.ndarray) and pictures.ndim > 1:
        _refuse_other_shapes(pictures)
    return pictures


def _refuse_other_shapes(pixels: np.ndarray) -> None:
    seen = f"{pixels.dtype} {pixels.shape}"
    if pixels.ndim == 2:
        raise DataError(
            f"{seen} is one gray picture [H, W], or a table of features; give a picture in a list, "
            "[x], and features to from_embeddings"
        )
    last, first = pixels.shape[-1] in _CHANNELS, pixels.shape[-3] in _CHANNELS
    if pixels.ndim == 3 and last:
        raise DataError(f"{seen} is one picture [H, W, C]; give it in a list, [x]")
    if pixels.ndim == 3 and first and pixels.shape[0] > 1:
        raise DataError(
            f"{seen} may be one picture with channels first, or {len(pixels)} gray ones; give one "
            "in a list, [x], and gray ones as [N, H, W, 1], x[..., None]"
        )
    if pixels.ndim > 4 or (pixels.ndim == 4 and not last and not first):
        raise DataError(
            f"{seen} is no array of pictures; pictures are [N, H, W, C], [N, C, H, W] or "
            "[N, H, W], with C of 1, 3 or 4"
        )


def to_picture(image: Any, name: str) -> Image.Image:
    """Any kind of image as 8-bit RGB, upright.

    Args:
        image: A PIL image; a path; a file's content as bytes; a mapping with `bytes` or `path`, as
            tables of images have it; an array or tensor of any library: uint8, uint16 (scaled by
            257, as files are) or floats from 0 to 1, [H, W], [H, W, C], or channels first as in
            PyTorch, [C, H, W], with C of 1, 3 or 4 (transparency is laid on white).
        name: Names it in an error.

    Raises:
        UnreadableImageError: It is damaged.
        DataError: It is of another kind.
    """
    if isinstance(image, Image.Image):
        if 0 in image.size:
            width, height = image.size
            raise DataError(f"{name} is a picture of {width} x {height} pixels; leave it out")
        try:
            return rgb_image(image, name)
        except UnreadableImageError:
            raise
        except (OSError, ValueError) as error:  # such as one that was closed
            raise UnreadableImageError(name, f"damaged or cut off: {error}") from error
    if isinstance(image, str | os.PathLike):
        return read_image(_place(image, name))
    if hasattr(image, "as_py"):  # of Arrow
        return to_picture(image.as_py(), name)
    if isinstance(image, bytes | bytearray | memoryview):
        return _from_bytes(bytes(image), name)
    if isinstance(image, IOBase):
        raise DataError(
            f"{name} is an open file ({type(image).__name__}); give its content: file.read()"
        )
    if isinstance(image, dict) and {"bytes", "path"} & image.keys():
        data, path = image.get("bytes"), image.get("path")
        if data is not None and not isinstance(data, bytes | bytearray | memoryview):
            raise DataError(f"{name} has as its bytes {quoted(data, 40)}; give bytes")
        if data:
            return _from_bytes(bytes(data), name)
        if path:
            return read_image(path)
        image = None
    pixels = _from_lists(image, name) if isinstance(image, list | tuple) else on_host(image)
    if isinstance(pixels, np.ndarray):
        return _from_array(pixels, name)
    if image is None:
        raise DataError(f"{name} has no image (None); leave such rows out")
    raise DataError(
        f"{name} is of type {type(image).__name__} ({quoted(image, 40)}); an image is a PIL image, "
        "a path, a file's bytes, or an array or tensor of pixels"
    )


def _place(path: str | os.PathLike[str], name: str) -> str | Path:
    """A path; anything else that is text is refused."""
    text = os.fspath(path)
    if not text:
        raise DataError(f"{name} is an empty path; leave it out")
    if text.startswith(("data:image/", "/9j/", "iVBORw0KGgo")) and len(text) > _LONGEST_PATH:
        raise DataError(
            f"{name} is a picture as text (base64), {quoted(text, 40)}; give its bytes: "
            "base64.b64decode(text), without 'data:...,' in front"
        )
    return path if isinstance(path, str) else Path(path)


_LONGEST_PATH = 255


def _from_bytes(data: bytes, name: str) -> Image.Image:
    try:
        return read_image(name, data=data)
    except UnreadableImageError:
        path = os.fsdecode(data[:4096])
        if not data:
            raise DataError(f"{name} has no bytes; leave it out") from None
        if "\0" not in path and len(data) <= 4096 and Path(path).exists():
            raise DataError(
                f"{name} is a path as bytes, {quoted(data)}; give it as text: os.fsdecode(path)"
            ) from None
        raise


def _from_lists(rows: Sequence[Any], name: str) -> Any:
    """Lists of lists of numbers as an array; they carry no type, so 0 to 255 are pixels."""
    other = next((one for one in rows if not isinstance(one, _NUMBERS)), None)
    if other is not None:
        raise DataError(
            f"{name} is a {type(rows).__name__} with a {type(other).__name__} in it "
            f"({quoted(other, 40)}); give the image alone, labels and others in lists of their own"
        )
    try:
        pixels = np.asarray(rows)
    except ValueError:
        raise DataError(
            f"{name} is a list of lists that differ in length ({quoted(rows, 40)}); a picture is "
            "[H, W], [H, W, C] or [C, H, W]"
        ) from None
    if pixels.ndim < 2:
        return rows
    whole = pixels.dtype.kind in "iu" and pixels.size and pixels.min() >= 0 and pixels.max() <= 255
    return pixels.astype(np.uint8) if whole else pixels


def _from_array(pixels: np.ndarray, name: str) -> Image.Image:
    seen = f"{pixels.dtype} {pixels.shape}"
    pixels = _channels_last(refuse_masked(pixels, name))
    shaped = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
    is_float = pixels.dtype.kind == "f"
    if not shaped or not pixels.size:
        raise DataError(
            f"{name} is an array {seen}; a picture is [H, W], [H, W, C] or [C, H, W], with C of 1, "
            "3 or 4"
        )
    if not is_float and pixels.dtype not in (np.uint8, np.uint16):
        raise DataError(f"{name} is an array {seen}; {_as_pixels(pixels)}")
    if is_float:
        low, high = float(pixels.min()), float(pixels.max())
        if np.isnan(low):
            n_missing = int(np.isnan(pixels).sum())
            raise DataError(
                f"{name} holds NaN in {n_missing:,} of its {pixels.size:,} values; fill them "
                "first: np.nan_to_num(x), or leave it out"
            )
        if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
            raise DataError(
                f"{name} holds floats from {low:.4g} to {high:.4g}; {_to_unit(low, high)}"
            )
        unit = np.clip(pixels.astype(np.float64), 0.0, 1.0)
        pixels = np.floor(unit * 255 + 0.5).astype(np.uint8)
    elif pixels.dtype == np.uint16 and pixels.ndim == 3:
        pixels = np.floor(pixels / 257 + 0.5).astype(np.uint8)
    return rgb_image(Image.fromarray(np.ascontiguousarray(pixels)), name)


def _channels_last(pixels: np.ndarray) -> np.ndarray:
    """[H, W] or [H, W, C] of an array that may have its channels first."""
    if pixels.ndim != 3:
        return pixels
    # Four rows are no picture, but four channels are: PyTorch's RGBA.
    first = pixels.shape[0] in (1, 3) or (pixels.shape[0] == 4 and min(pixels.shape[1:]) > 4)
    if pixels.shape[2] not in _CHANNELS and first:
        pixels = pixels.transpose(1, 2, 0)
    return pixels[:, :, 0] if pixels.shape[2] == 1 else pixels


def _as_pixels(pixels: np.ndarray) -> str:
    """What to do with numbers of a type that pixels do not have."""
    if pixels.dtype.kind == "b":
        return "give truth values as pixels: x.astype('uint8') * 255"
    if pixels.dtype.kind in "iu":
        low, high = int(pixels.min()), int(pixels.max())
        wide = "uint8" if low >= 0 and high <= 255 else "uint16"
        fits = low >= 0 and high <= 65535
        way = f"x.astype('{wide}')" if fits else "scale them to 0 to 255 first"
        if low >= 0 and high <= 1:
            way = "x.astype('uint8') * 255, if they are black and white"
        return f"its values are {low} to {high}; pixels are uint8 or uint16: {way}"
    return "pixels are uint8 or uint16, or floats from 0 to 1"


def _to_unit(low: float, high: float) -> str:
    if low >= -0.5 and high <= 1.5:
        return "pixels are floats from 0 to 1, and resizing goes a little beyond: np.clip(x, 0, 1)"
    if low >= 0 and 1 < high <= 255:
        return "pixels are uint8, or floats from 0 to 1: divide by 255"
    return (
        "pixels are uint8, or floats from 0 to 1. Leave out Normalize: the backbone has a "
        "normalization of its own"
    )
