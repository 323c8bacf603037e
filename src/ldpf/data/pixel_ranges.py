"""Pixels of more than 8 bits as 8-bit grayscale: which values are black and white, which no data.

The rules, in this order:

1. No-data values are left out of what follows and become white, as transparent pixels do: what the
   GDAL_NODATA tag names, the transparent color of a PNG, NaN and infinity, and without a tag the
   usual marks (-9999, -32768, ±1e30 and beyond) where no other value is near.
2. Unsigned 16-bit images are scaled from 0 to 65,535, or to 2^n - 1 where a tag says that n bits
   are significant.
3. Floats and all other integers are scaled from the smallest range that holds every value: 0 to 1
   (floats only), 0 to 255, 511, 1,023 ... 65,535; else from their least to their greatest value.
4. Where the file says that 0 is white, the result is inverted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin

from ldpf.data.png_chunks import significant_bits

FEW_LEVELS = "ldpf: few levels"
"""Key in a picture's `info`: next to nothing is left of its values, and how much in words."""

_NODATA, _PHOTOMETRIC, _BITS, _GREATEST, _SAMPLE_FORMAT = 42113, 262, 258, 281, 339
_MARKS = (-999.0, -9999.0, -99999.0, -32767.0, -32768.0, -(2.0**31), 1 - 2.0**31)
_BEYOND = 1e30  # ±3.4e38 of GDAL, 9.97e36 of NetCDF: no measurement is as large
_TOPS = tuple(2.0**bits - 1 for bits in range(8, 17))
_FEW = 4  # levels of gray


class NoValuesError(ValueError):
    """Every value of an image is no-data."""


@dataclass(frozen=True)
class _Tags:
    """What a file says of its values.

    Attributes:
        bits: How many bits are significant; 16 where it says nothing.
        no_data: The value that means "nothing here".
        zero_is_white: Whether 0 is white.
        unsigned: Whether integers have no sign; None where it says nothing.
    """

    bits: int = 16
    no_data: float | None = None
    zero_is_white: bool = False
    unsigned: bool | None = None


def has_range(image: Image.Image) -> bool:
    """Whether an image is one for `eight_bits`.

    It is grayscale of more than 8 bits, signed, or has a no-data value.
    """
    many_bits = image.mode in ("I", "F") or image.mode.startswith("I;16")
    if many_bits or image.mode != "L":
        return many_bits
    return _is_signed(image) or _tags(image).no_data is not None


def without_no_data(image: Image.Image) -> Image.Image:
    """A loaded color image as RGB; its no-data color, if the file names one, is made white."""
    picture = image.convert("RGB")
    no_data = _tags(image).no_data if image.mode == "RGB" and _is_tiff(image) else None
    if no_data is None:
        return picture
    pixels = np.array(picture)
    pixels[(pixels == no_data).all(axis=-1)] = 255
    return Image.fromarray(pixels)


def eight_bits(image: Image.Image, bits: int | None = None) -> Image.Image:
    """A loaded grayscale image as mode L, by the rules above.

    Args:
        image: One of those of `has_range`.
        bits: Significant bits of a PNG, from `significant_bits_of`.

    Returns:
        The picture; its `info` has `FEW_LEVELS` where next to nothing is left of the values.

    Raises:
        NoValuesError: Every value is no-data.
    """
    tags = _tags(image, bits)
    values = _stored(image, tags)  # [H, W]
    is_float = image.mode == "F"
    empty = _is_no_data(values, tags, is_float=is_float)
    shown = values[~empty]
    if not shown.size:
        raise NoValuesError("holds no-data values only (NaN, infinity or a mark such as -9999)")
    if values.dtype == np.uint16:
        table = scaled(np.arange(65536), 0.0, _top_of_significant(shown, tags.bits))
        gray = table[values]
    else:
        low, high = (0.0, 255.0) if values.dtype == np.uint8 else _range(shown, is_float=is_float)
        gray = scaled(np.where(empty, low, values), low, high)
    if tags.zero_is_white:
        gray = 255 - gray
    picture = gray.copy()
    picture[empty] = 255
    result = Image.fromarray(picture)
    if few := _few_levels(gray[~empty], shown):
        result.info[FEW_LEVELS] = few
    return result


def scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values as uint8, `low` as 0 and `high` as 255, rounded; what lies outside is clipped."""
    unit = (values.astype(np.float64) - low) * 255.0 / max(high - low, 1e-300)
    return np.floor(np.clip(unit, 0.0, 255.0) + 0.5).astype(np.uint8)


def significant_bits_of(image: Image.Image) -> int | None:
    """How many bits of 16 an opened file says are significant; None where it says nothing.

    To be asked before the image is loaded, while its file is open.
    """
    stream: Any = getattr(image, "fp", None)
    if image.format == "PNG" and stream is not None and not stream.closed:
        return significant_bits(stream)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return _tiff_bits(image)
    return None


def _tiff_bits(image: Image.Image) -> int | None:
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    stored = max(_numbers(tags.get(_BITS)), default=16)
    if stored < 16:
        return int(stored)
    # MaxSampleValue may also be a statistic of this image; only 2^n - 1 says how many bits count.
    greatest = int(max(_numbers(tags.get(_GREATEST)), default=0))
    bits = greatest.bit_length()
    return bits if 8 < bits < 16 and greatest == 2**bits - 1 else None


def _tags(image: Image.Image, bits: int | None = None) -> _Tags:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags: Any = image.tag_v2
        formats = _numbers(tags.get(_SAMPLE_FORMAT))
        return _Tags(
            bits=_tiff_bits(image) or 16,
            no_data=_number(tags.get(_NODATA)),
            # Pillow itself inverts images of 8 bits and less.
            zero_is_white=tags.get(_PHOTOMETRIC) == 0 and image.mode != "L",
            unsigned=formats[0] == 1 if formats else True,
        )
    # Of 8 bits or less, Pillow itself makes the transparent color transparent.
    transparent = None if image.mode == "L" else image.info.get("transparency")
    return _Tags(
        bits=bits or 16,
        no_data=float(transparent) if isinstance(transparent, int) else None,
    )


def _stored(image: Image.Image, tags: _Tags) -> np.ndarray:
    """The values as the file means them; [H, W], uint16 for unsigned 16-bit images only."""
    values = np.asarray(image)
    if image.mode == "L":
        return values.view(np.int8) if _is_signed(image) else values
    if image.mode.startswith("I;16"):
        return values.astype(np.uint16)
    if image.mode == "I" and image.format in ("PNG", "PPM"):  # older versions of Pillow
        return np.clip(values, 0, 65535).astype(np.uint16)
    if image.mode == "I" and tags.unsigned and image.format == "TIFF":
        return values.astype(np.int32).view(np.uint32)  # Pillow takes the first bit for a sign
    return values


def _is_tiff(image: Image.Image) -> bool:
    return isinstance(image, TiffImagePlugin.TiffImageFile)


def _is_signed(image: Image.Image) -> bool:
    tags: Any = getattr(image, "tag_v2", {}) if _is_tiff(image) else {}
    return _numbers(tags.get(_SAMPLE_FORMAT)) == [2.0]


def _is_no_data(values: np.ndarray, tags: _Tags, *, is_float: bool) -> np.ndarray:
    """Pixels that mean "nothing here", [H, W] bool."""
    empty = ~np.isfinite(values)
    if is_float:
        empty |= np.abs(np.where(empty, 0.0, values)) >= _BEYOND
    if tags.no_data is not None:
        # A float image holds the nearest float32 to what the tag says in decimals.
        mark = float(np.float32(tags.no_data)) if is_float else tags.no_data
        return empty | (values == mark)
    rest = values[~empty]
    if rest.size and (least := float(rest.min())) in _MARKS:
        others = rest[rest != least]
        if others.size and others.min() > least / 2:
            empty |= values == least
    return empty


def _top_of_significant(values: np.ndarray, bits: int) -> float:
    """What is white in values of 16 bits of which `bits` are significant.

    The PNG specification wants them in the upper bits; in practice many programs leave them in the
    lower ones, and then no value exceeds 2^bits - 1.
    """
    return 2.0**bits - 1 if 0 < bits < 16 and int(values.max()) < 2**bits else 65535.0


def _range(values: np.ndarray, *, is_float: bool) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    tops = (1.0, *_TOPS) if is_float else _TOPS
    top = next((top for top in tops if low >= 0 and high <= top), None)
    return (low, high) if top is None else (0.0, top)


def _few_levels(gray: np.ndarray, values: np.ndarray) -> str | None:
    """What is left of the values, in words, if it is next to nothing."""
    levels = int(np.count_nonzero(np.bincount(gray, minlength=256)))
    if levels > _FEW:
        return None
    distinct = len(np.unique(values[:: max(1, values.size // 100_000)]))
    if distinct <= 4 * levels:
        return None
    return f"{levels} levels of gray of at least {distinct:,} values"


def _numbers(tag: Any) -> list[float]:
    """The numbers of a TIFF tag."""
    found = tag if isinstance(tag, (tuple, list)) else [] if tag is None else [tag]
    return [float(one) for one in found]


def _number(tag: Any) -> float | None:
    """The number that a tag holds as text; None where there is none, or it is no number."""
    text = tag[0] if isinstance(tag, tuple) and tag else tag
    try:
        return None if text is None else float(str(text).strip("\0 "))
    except ValueError:
        return None
