"""The segments of a JPEG file: which kind of JPEG it is, and the file without its metadata."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

JPEG_START = b"\xff\xd8\xff"

_MOST_SEGMENTS = 10_000
_SCAN = 0xDA
_APPS, _COMMENT, _EXIF, _ADOBE = range(0xE0, 0xF0), 0xFE, 0xE1, 0xEE
_ADOBE_BYTES = 12
_OTHER_FRAMES = {
    **dict.fromkeys((0xC3, 0xC7, 0xCB, 0xCF), "a lossless JPEG"),
    **dict.fromkeys((0xC5, 0xC6, 0xCD, 0xCE), "a hierarchical JPEG"),
    0xF7: "a JPEG-LS file",
}


class HeaderError(Exception):
    """A file whose header alone says that it is not to be decoded; the message says why."""


def segments(stream: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """Marker, first byte and length (with its own two bytes) of each segment up to the first scan.

    The position may be moved in between. It ends where the file is no JPEG or damaged.

    Args:
        stream: An open JPEG file.

    Raises:
        HeaderError: There are very many.
    """
    position = 2
    for _ in range(_MOST_SEGMENTS):
        stream.seek(position)
        head = stream.read(4)
        if len(head) < 4 or head[0] != 0xFF:
            return
        marker, length = head[1], head[2] << 8 | head[3]
        if marker == 0xFF:  # a byte that fills up
            position += 1
            continue
        yield marker, position, length
        if marker == _SCAN:
            return
        position += 2 + length
    raise HeaderError(f"a JPEG of more than {_MOST_SEGMENTS:,} segments before its image")


def why_unread_jpeg(stream: BinaryIO) -> str | None:
    """What kind of JPEG that is not read an open file is; None for the usual ones.

    Args:
        stream: It stays where it is.
    """
    before = stream.tell()
    try:
        return _unread_kind(stream)
    except HeaderError:
        return None
    finally:
        stream.seek(before)


def _unread_kind(stream: BinaryIO) -> str | None:
    for marker, start, _ in segments(stream):
        kind = _OTHER_FRAMES.get(marker)
        if kind is None and 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            stream.seek(start + 4)
            bits = stream.read(1)
            if bits and bits[0] > 8:
                kind = f"a JPEG of {bits[0]} bits"
        if kind is not None:
            return f"{kind}, which Pillow does not read; save it as JPEG of 8 bits or as PNG"
    return None


def without_metadata(stream: BinaryIO) -> BinaryIO:
    """The same JPEG without comments and segments of programs; a copy in memory.

    EXIF, which has the rotation, and what says how inks are stored are kept.

    Args:
        stream: An open JPEG file.
    """
    left_out = []
    for marker, start, length in segments(stream):
        if not (marker in _APPS or marker == _COMMENT):
            continue
        stream.seek(start + 4)
        head = stream.read(6)
        if marker == _EXIF and head == b"Exif\0\0":
            continue
        if marker == _ADOBE and head.startswith(b"Adobe") and length >= 2 + _ADOBE_BYTES:
            continue
        left_out.append((start, start + 2 + length))
    return without(stream, left_out)


def without(stream: BinaryIO, left_out: list[tuple[int, int]]) -> BinaryIO:
    """A copy in memory of a file without some of its parts.

    Args:
        stream: The open file.
        left_out: First byte and the byte behind of each part, in their order.
    """
    stream.seek(0)
    kept = bytearray()
    for start, end in left_out:
        kept += stream.read(start - stream.tell())
        stream.seek(end)
    kept += stream.read()
    return io.BytesIO(kept)
