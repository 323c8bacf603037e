"""Netpbm files that Pillow reads value by value in Python: plain ones, and unusual greatest values.

The result is Pillow's own, a hundred times faster: `tests/data/test_netpbm.py` compares both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from ldpf.data.blocks import BLOCK

_CODECS = frozenset({"ppm", "ppm_plain"})
_PART = 2**20
_COMMENT = re.compile(rb"#[^\n\r]*[\n\r]?")
_SPACES = b" \t\n\r\x0b\x0c"
_NO_NUMBER = re.compile(rb"[^0-9 \t\n\r\x0b\x0c]")
_LONGEST = 10  # characters of a number, as in Pillow


def is_slow_netpbm(image: Any) -> bool:
    """Whether an opened image is one of these."""
    tile = getattr(image, "tile", None)
    return image.format == "PPM" and bool(tile) and tile[0][0] in _CODECS


def read_netpbm(image: Any, stream: BinaryIO) -> Image.Image:
    """The pixels of an image of `is_slow_netpbm`, in its mode.

    Args:
        image: Opened by Pillow, not loaded.
        stream: Its file.

    Raises:
        ValueError: It is cut off, or holds what is no number or too large.
    """
    codec, _, offset, args = image.tile[0]
    width, height = image.size
    bands = len(image.getbands())
    stream.seek(offset)
    if image.mode == "1":
        greatest = 1
        parts, table = _digits(stream), np.array([255, 0], np.uint8)
    else:
        greatest = int(args[-1])
        parts = _numbers(stream) if codec == "ppm_plain" else _raw(stream, greatest)
        table = _table(greatest, 65535 if image.mode == "I" else 255)
    result = Image.new(image.mode, image.size)
    result.format = image.format
    across = min(width, BLOCK)
    values = _Reader(parts, greatest if codec == "ppm_plain" else 65535)
    if across < width:  # one row at a time is more than a block
        for top in range(height):
            for left in range(0, width, across):
                row = values.take(min(across, width - left) * bands)
                _paste(result, table[row], (left, top), (len(row) // bands, 1), bands)
        return result
    rows = max(BLOCK // width, 1)
    for top in range(0, height, rows):
        down = min(rows, height - top)
        _paste(result, table[values.take(down * width * bands)], (0, top), (width, down), bands)
    return result


def _paste(
    result: Image.Image,
    values: np.ndarray,
    place: tuple[int, int],
    size: tuple[int, int],
    bands: int,
) -> None:
    shape = (size[1], size[0], bands) if bands > 1 else (size[1], size[0])
    block = Image.fromarray(values.reshape(shape))
    # Not by convert: it would dither to black and white.
    result.paste(block if block.mode == result.mode else block.point(lambda v: v, "1"), place)


def _table(greatest: int, top: int) -> np.ndarray:
    """What each value from 0 to 65,535 becomes, by Pillow's formula."""
    # Python's round, as there: halves go to the even number.
    values = [min(top, round(value / greatest * top)) for value in range(greatest + 1)]
    values += [top] * (65536 - len(values))
    return np.array(values, np.int32 if top > 255 else np.uint8)


def _raw(stream: BinaryIO, greatest: int) -> Iterator[np.ndarray]:
    kind = np.dtype(np.uint8 if greatest < 256 else ">u2")
    rest = b""
    while part := stream.read(_PART):
        part = rest + part
        whole = len(part) - len(part) % kind.itemsize
        yield np.frombuffer(part[:whole], kind)
        rest = part[whole:]


def _texts(stream: BinaryIO) -> Iterator[bytes]:
    """The text in parts, without comments; a part ends wherever it ends."""
    in_comment = False
    while part := stream.read(_PART):
        if in_comment:
            ends = [end for end in (part.find(b"\n"), part.find(b"\r")) if end >= 0]
            if not ends:
                continue
            part = part[min(ends) + 1 :]
        last = part.rfind(b"#")
        in_comment = last >= 0 and not re.search(rb"[\n\r]", part[last:])
        yield _COMMENT.sub(b"", part)


def _digits(stream: BinaryIO) -> Iterator[np.ndarray]:
    """The pixels of a plain bitmap, which need no space between them."""
    for text in _texts(stream):
        yield np.frombuffer(text.translate(None, _SPACES), np.uint8) - np.uint8(48)


def _numbers(stream: BinaryIO) -> Iterator[np.ndarray]:
    """The values of a plain file; -1 for what is no number."""
    rest = b""
    for text in _texts(stream):
        text = rest + text
        # The last number may go on in the next part.
        end = max(text.rfind(bytes((space,))) for space in _SPACES) + 1
        text, rest = text[:end], text[end:]
        if len(rest) > _LONGEST:
            raise ValueError(f"a number of more than {_LONGEST} digits")
        yield _parsed(text)
    yield _parsed(rest)


def _parsed(text: bytes) -> np.ndarray:
    bad = None
    if text.translate(None, _SPACES + b"0123456789"):
        bad = _NO_NUMBER.search(text)
    good = (text[: bad.start()] if bad else text).strip()  # of spaces alone numpy makes a number
    values = np.fromstring(good, np.int64, sep=" ") if good else np.empty(0, np.int64)
    return np.append(values, -1) if bad else values


class _Reader:
    """Takes as many values as are wanted from parts of any length."""

    def __init__(self, parts: Iterator[np.ndarray], greatest: int) -> None:
        self._parts, self._greatest = parts, greatest
        self._rest = np.empty(0, np.uint8)

    def take(self, count: int) -> np.ndarray:
        """The next `count` values.

        Raises:
            ValueError: There are not as many, or one is out of range; what follows is not looked
                at.
        """
        taken = [self._rest]
        have = len(self._rest)
        while have < count:
            part = next(self._parts, None)
            if part is None:
                raise ValueError("the file is truncated")
            taken.append(part)
            have += len(part)
        values = np.concatenate(taken) if len(taken) > 1 else taken[0]
        values, self._rest = values[:count], values[count:]
        if int(values.min()) < 0 or int(values.max()) > self._greatest:
            raise ValueError(f"a value that is no number from 0 to {self._greatest:,}")
        return values
