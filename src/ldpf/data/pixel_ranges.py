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

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin

from ldpf.data.blocks import blocks, in_blocks
from ldpf.data.significant_bits import numbers_of, tiff_bits

FEW_LEVELS = "ldpf: few levels"
"""Key in a picture's `info`: next to nothing is left of its values, and how much in words."""

_NODATA, _PHOTOMETRIC, _SAMPLE_FORMAT = 42113, 262, 339
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


def without_no_data(image: Image.Image, factor: int = 1) -> Image.Image:
    """A loaded color image as RGB; its no-data color, if the file names one, is made white.

    Args:
        image: Of any mode.
        factor: The sides are divided by it.
    """
    no_data = _tags(image).no_data if image.mode == "RGB" and _is_tiff(image) else None
    if no_data is None:
        if factor == 1:
            return image.convert("RGB")
        return in_blocks(image, "RGB", lambda block: block.convert("RGB"), factor)

    def whitened(block: Image.Image) -> Image.Image:
        pixels = np.array(block)
        pixels[(pixels == no_data).all(axis=-1)] = 255
        return Image.fromarray(pixels)

    return in_blocks(image, "RGB", whitened, factor)


def eight_bits(image: Image.Image, bits: int | None = None, factor: int = 1) -> Image.Image:
    """A loaded grayscale image as mode L, by the rules above.

    Args:
        image: One of those of `has_range`.
        bits: Significant bits of a PNG, from `significant_bits_of`.
        factor: The sides are divided by it.

    Returns:
        The picture; its `info` has `FEW_LEVELS` where next to nothing is left of the values.

    Raises:
        NoValuesError: Every value is no-data.
    """
    levels = _Levels(image, _tags(image, bits))
    counts = np.zeros(256, np.int64)
    result = in_blocks(image, "L", lambda block: levels.gray(block, counts), factor)
    if few := levels.few(counts):
        result.info[FEW_LEVELS] = few
    return result


class _Levels:
    """How the values of one image become levels of gray; they are read twice, in blocks."""

    def __init__(self, image: Image.Image, tags: _Tags) -> None:
        self._image, self._tags = image, tags
        self._is_float = image.mode == "F"
        self._read = _reader(image, tags)
        # A float image holds the nearest float32 to what the tag says in decimals.
        mark = tags.no_data
        with np.errstate(over="ignore"):  # the least of 64 bits is infinite in 32
            self._mark = float(np.float32(mark)) if mark is not None and self._is_float else mark
        self._shown = 0  # values that are data
        self._find_range()

    def gray(self, block: Image.Image, counts: np.ndarray) -> Image.Image:
        """The block as mode L; how often each level is data is added to `counts` [256]."""
        values = self._read(block)
        empty = self._empty(values)
        if values.dtype == np.uint16:
            gray = self._table[values]
        else:
            gray = scaled(np.where(empty, self._low, values), self._low, self._high)
        if self._tags.zero_is_white:
            gray = 255 - gray
        counts += np.bincount(gray[~empty], minlength=256)
        gray[empty] = 255
        return Image.fromarray(gray)

    def few(self, counts: np.ndarray) -> str | None:
        """What is left of the values, in words, if it is next to nothing."""
        levels = int(np.count_nonzero(counts))
        if levels > _FEW:
            return None
        step, first, sample = max(1, self._shown // 100_000), 0, []
        for _, _, block in blocks(self._image):
            values = self._read(block)
            data = values[~self._empty(values)]
            sample.append(np.unique(data[first::step]))
            first = (first - len(data)) % step
        distinct = len(np.unique(np.concatenate(sample)))
        if distinct <= 4 * levels:
            return None
        return f"{levels} levels of gray of at least {distinct:,} values"

    def _empty(self, values: np.ndarray) -> np.ndarray:
        """Pixels that mean "nothing here", [H, W] bool."""
        empty = ~np.isfinite(values)
        if self._is_float:
            empty |= np.abs(np.where(empty, 0.0, values)) >= _BEYOND
        return empty if self._mark is None else empty | (values == self._mark)

    def _find_range(self) -> None:
        """Which values are black and white, and whether the least one is a mark of no data."""
        ends = _Ends()
        dtype = None
        for _, _, block in blocks(self._image):
            values = self._read(block)
            dtype = values.dtype
            ends.add(values[~self._empty(values)])
        if not ends.count:
            raise NoValuesError("holds no-data values only (NaN, infinity or a mark such as -9999)")
        low, high, self._shown = ends.low, ends.high, ends.count
        if self._mark is None and low in _MARKS and low / 2 < ends.second < np.inf:
            self._mark, low = low, ends.second
            self._shown -= ends.count_low
        if dtype == np.uint16:
            top = _top_of_significant(high, self._tags.bits)
            self._table = scaled(np.arange(65536), 0.0, top)
        elif dtype == np.uint8:
            low, high = 0.0, 255.0
        else:
            low, high = _range(low, high, is_float=self._is_float)
        self._low, self._high = low, high


class _Ends:
    """The least, the second and the greatest of all values; the second only where it may count."""

    def __init__(self) -> None:
        self.low = self.second = np.inf
        self.high, self.count, self.count_low = -np.inf, 0, 0

    def add(self, values: np.ndarray) -> None:
        """Take these into account."""
        if not values.size:
            return
        low, second, equal = float(values.min()), np.inf, 0
        if low in _MARKS:
            others = values[values != low]
            equal = values.size - others.size
            second = float(others.min()) if others.size else np.inf
        self.count_low = equal * (low <= self.low) + self.count_low * (self.low <= low)
        larger = [one for one in (self.low, self.second, low, second) if one > min(self.low, low)]
        self.low, self.second = min(self.low, low), min(larger, default=np.inf)
        self.high = max(self.high, float(values.max()))
        self.count += values.size


def scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values as uint8, `low` as 0 and `high` as 255, rounded; what lies outside is clipped."""
    unit = (values.astype(np.float64) - low) * 255.0 / max(high - low, 1e-300)
    return np.floor(np.clip(unit, 0.0, 255.0) + 0.5).astype(np.uint8)


def _tags(image: Image.Image, bits: int | None = None) -> _Tags:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags: Any = image.tag_v2
        formats = numbers_of(tags.get(_SAMPLE_FORMAT))
        return _Tags(
            bits=tiff_bits(image) or 16,
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


def _reader(image: Image.Image, tags: _Tags) -> Callable[[Image.Image], np.ndarray]:
    """What gives a block's values as the file means them.

    They are [H, W], and uint16 for unsigned 16-bit images only.
    """
    if image.mode == "L":
        signed = _is_signed(image)
        return lambda block: np.asarray(block).view(np.int8) if signed else np.asarray(block)
    if image.mode.startswith("I;16"):
        return lambda block: np.asarray(block).astype(np.uint16)
    if image.mode == "I" and image.format in ("PNG", "PPM"):  # older versions of Pillow
        return lambda block: np.clip(np.asarray(block), 0, 65535).astype(np.uint16)
    if image.mode == "I" and tags.unsigned and image.format == "TIFF":
        # Pillow takes the first bit for a sign
        return lambda block: np.asarray(block).astype(np.int32).view(np.uint32)
    return np.asarray


def _is_tiff(image: Image.Image) -> bool:
    return isinstance(image, TiffImagePlugin.TiffImageFile)


def _is_signed(image: Image.Image) -> bool:
    tags: Any = getattr(image, "tag_v2", {}) if _is_tiff(image) else {}
    return numbers_of(tags.get(_SAMPLE_FORMAT)) == [2.0]


def _top_of_significant(greatest: float, bits: int) -> float:
    """What is white in values of 16 bits of which `bits` are significant.

    The PNG specification wants them in the upper bits; in practice many programs leave them in the
    lower ones, and then no value exceeds 2^bits - 1.
    """
    return 2.0**bits - 1 if 0 < bits < 16 and int(greatest) < 2**bits else 65535.0


def _range(low: float, high: float, *, is_float: bool) -> tuple[float, float]:
    tops = (1.0, *_TOPS) if is_float else _TOPS
    top = next((top for top in tops if low >= 0 and high <= top), None)
    return (low, high) if top is None else (0.0, top)


def _number(tag: Any) -> float | None:
    """The number that a tag holds as text; None where there is none, or it is no number."""
    text = tag[0] if isinstance(tag, tuple) and tag else tag
    try:
        return None if text is None else float(str(text).strip("\0 "))
    except ValueError:
        return None
