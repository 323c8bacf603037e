"""What the header of a JPEG, WebP, TIFF or JPEG 2000 file says that decides what decoding costs."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

from ldpf.data.formats import format_of
from ldpf.data.jpeg_segments import HeaderError, segments

_CHUNK = 2**20
_BYTES_OF_PIXEL = 6
_PADDING = b"\xff" * 4096
_BYTES = (1, 2, 7)
"""Types of TIFF tags that are read as they are: bytes, texts, and what has no type."""

_JPEG_2000 = (b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")
_PLAIN_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 8, 32946, 32773})
"""None, fax, LZW, Deflate and PackBits: their time is bounded by their pixels."""

_FAX = frozenset({2, 3, 4, 32771})
_FAX_NAMES = frozenset({"tiff_ccitt", "group3", "group4", "tiff_raw_16"})
"""Of the same compressions in Pillow."""

# TIFF tags and values
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _ORIENTATION, _SAMPLES = (
    254,
    256,
    257,
    258,
    259,
    274,
    277,
)
_ROWS, _PLANAR, _TILE_WIDTH, _TILE_HEIGHT = 278, 284, 322, 323
_PRIVATE = 32768
"""The first tag that is a program's own."""


@dataclass(frozen=True)
class JpegHeader:
    """Of a JPEG file.

    Attributes:
        coefficients: Bytes in which the decoder keeps coefficients of the whole image, as it must
            if they come in several scans; 0 for an ordinary file, which it reads row by row.
        scans: How many there are, for files that may have several; else 1.
        pixels: Width times height; 0 where it is not known.
    """

    coefficients: int = 0
    scans: int = 1
    pixels: int = 0


@dataclass(frozen=True)
class TiffHeader:
    """Of one page of a TIFF file.

    Attributes:
        compression: The number of its method; 1 for none.
        piece: Bytes of a strip or tile when unpacked.
        most_values: Numbers in one tag; texts, bytes and the tags of programs do not count.
        turned: Whether it is to be rotated or mirrored.
        is_preview: Whether it says that it is another page at a smaller size.
        following: Where the table of the next page begins; 0 for none.
    """

    compression: int = 1
    piece: int = 0
    most_values: int = 0
    turned: bool = False
    is_preview: bool = False
    following: int = 0


def is_unlimited(head: bytes) -> bool:
    """Whether a file that begins with `head` is of a format whose decoder heeds no limit.

    These are AVIF, HEIC, JPEG XL, JPEG 2000 and DICOM: they read a whole file in one call.
    """
    return head.startswith(_JPEG_2000) or format_of(head) is not None


def is_slow(image: Any, stream: BinaryIO) -> bool:
    """Whether decoding an opened image may take long inside one call.

    Args:
        image: Opened, not loaded.
        stream: Its file, which stays where it is.
    """
    if image.format == "TIFF":
        position = stream.tell()
        header = tiff_header(stream, place_of_page(image))
        stream.seek(position)
        return header is None or header.compression not in _PLAIN_COMPRESSIONS
    tile = getattr(image, "tile", None)
    return bool(tile) and tile[0][0] == "bmp_rle"  # written in Python


def is_fax(image: Any, stream: BinaryIO) -> bool:
    """Whether an opened image is a TIFF of fax compression (CCITT).

    Its decoder may leave pixels unwritten where the data are damaged; see `filled_memory`.

    Args:
        image: Opened, not loaded.
        stream: Its file, which stays where it is.
    """
    if image.format != "TIFF":
        return False
    position = stream.tell()
    header = tiff_header(stream, place_of_page(image))
    stream.seek(position)
    known = header is not None and header.compression in _FAX
    return known or image.info.get("compression") in _FAX_NAMES


def jpeg_header(stream: BinaryIO) -> JpegHeader:
    """The header of an open JPEG file, wherever its position is.

    A damaged one is left to the decoder.

    Raises:
        HeaderError: It is long and says nothing.
    """
    frame: bytes | None = None
    for marker, position, length in segments(stream):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            stream.seek(position + 4)
            frame = bytes((marker,)) + stream.read(length - 2 if length > 2 else 0)
        elif marker == 0xDA:
            stream.seek(position + 4)
            first = stream.read(1)
            if frame is None or len(frame) < 7 or not first:
                return JpegHeader()
            height, width = struct.unpack(">HH", frame[2:6])
            progressive = frame[0] in (0xC2, 0xC6, 0xCA, 0xCE)
            if not progressive and first[0] >= frame[6]:  # all components at once
                return JpegHeader(pixels=width * height)
            scans = _count_scans(stream, position)
            return JpegHeader(_coefficients(frame), scans, width * height)
    return JpegHeader()


def require_no_padding(stream: BinaryIO, size: int) -> None:
    """Refuse a JPEG that is mostly bytes that fill up, which its decoder reads again and again.

    Args:
        stream: The open file.
        size: Its bytes; only of far more than its pixels need are they looked at.

    Raises:
        HeaderError: So it is.
    """
    pixels = jpeg_header(stream).pixels
    if not pixels or size < _BYTES_OF_PIXEL * pixels + _CHUNK:
        return
    stream.seek(0)
    while chunk := stream.read(_CHUNK):
        if _PADDING in chunk:
            raise HeaderError(f"a JPEG of {pixels:,} pixels in {size:,} bytes: padding")


def _coefficients(frame: bytes) -> int:
    """Bytes of all coefficients, two each, of a frame: marker, precision, size, components."""
    height, width = struct.unpack(">HH", frame[2:6])
    factors = [(one >> 4, one & 15) for one in frame[8 : 7 + 3 * frame[6] : 3]]
    across, down = max(h for h, _ in factors), max(v for _, v in factors)
    if not across or not down:
        return 0
    return sum(2 * width * height * h * v // (across * down) for h, v in factors)


def _count_scans(stream: BinaryIO, start: int) -> int:
    """How often a scan begins (FF DA) from `start` to the end of the image (FF D9)."""
    stream.seek(start)
    scans, last = 0, b""
    while chunk := stream.read(_CHUNK):
        part = last + chunk
        end = part.find(b"\xff\xd9")
        scans += part.count(b"\xff\xda", 0, len(part) if end < 0 else end)
        if end >= 0:
            break
        last = part[-1:] if part.endswith(b"\xff") else b""
    return scans


def webp_size(head: bytes) -> tuple[int, int] | None:
    """Width and height of a WebP file that begins with `head` (30 bytes or more); else None."""
    if len(head) < 30 or head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return None
    kind = head[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(head[i : i + 3], "little") + 1 for i in (24, 27))
        return width, height
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None


def place_of_page(image: Any) -> int | None:
    """Where the table of tags of the page that a TIFF is at begins; None where it does not say."""
    return getattr(getattr(image, "tag_v2", None), "offset", None)


def tiff_header(stream: BinaryIO, page: int | None = None) -> TiffHeader | None:
    """The header of an open TIFF or BigTIFF file; None if it is none, or too short.

    Args:
        stream: The open file.
        page: Where the table of tags of the page begins; None for the first page.
    """
    stream.seek(0)
    start = stream.read(16)
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    if order is None or len(start) < 16:
        return None
    (version,) = struct.unpack(order + "H", start[2:4])
    if version == 42:
        (first,), entry, counts = struct.unpack(order + "I", start[4:8]), order + "HHI4s", "H"
    elif version == 43:
        (first,), entry, counts = struct.unpack(order + "Q", start[8:16]), order + "HHQ8s", "Q"
    else:
        return None
    try:
        stream.seek(first if page is None else page)
        size = struct.calcsize(order + counts)
        (n,) = struct.unpack(order + counts, stream.read(size))
        table = stream.read(min(n, 65535) * struct.calcsize(entry))
        end = stream.read(8)
    except (struct.error, ValueError, OSError, OverflowError):
        return None
    values: dict[int, int] = {}
    most = 0
    whole = len(table) - len(table) % struct.calcsize(entry)
    for tag, kind, count, value in struct.iter_unpack(entry, table[:whole]):
        # They become a tuple of as many numbers; those of programs are not looked at.
        if kind not in _BYTES and tag < _PRIVATE:
            most = max(most, count)
        if kind in (3, 4, 16):
            form = {3: "H", 4: "I", 16: "Q"}[kind]
            if count == 1 and struct.calcsize(form) <= len(value):
                (values[tag],) = struct.unpack_from(order + form, value)
        if tag == _BITS and count > 1:
            values[tag] = _first(stream, order, value, count)
    return TiffHeader(
        compression=values.get(_COMPRESSION, 1),
        piece=_piece(values),
        most_values=most,
        turned=values.get(_ORIENTATION, 1) != 1,
        is_preview=bool(values.get(_SUBFILE, 0) & 1),
        following=int.from_bytes(
            end[: 4 if version == 42 else 8], "little" if order == "<" else "big"
        ),
    )


def _first(stream: BinaryIO, order: str, value: bytes, count: int) -> int:
    """The first of several 16-bit values of a tag: in its entry, or where that points to."""
    if 2 * count > len(value):
        stream.seek(int.from_bytes(value, "little" if order == "<" else "big"))
        value = stream.read(2)
    return struct.unpack_from(order + "H", value)[0] if len(value) >= 2 else 8


def _piece(values: dict[int, int]) -> int:
    """Bytes of a strip or tile when unpacked."""
    width, height = values.get(_WIDTH, 0), values.get(_HEIGHT, 0)
    samples = values.get(_SAMPLES, 1) if values.get(_PLANAR, 1) == 1 else 1
    across = values.get(_TILE_WIDTH, width)
    down = values.get(_TILE_HEIGHT, min(values.get(_ROWS, height), height))
    return across * down * samples * values.get(_BITS, 1) // 8


def jpeg2000_levels(stream: BinaryIO) -> int:
    """How often an open JPEG 2000 file can be decoded at half its size; 0 if that is not found."""
    stream.seek(0)
    head = stream.read(2**16)
    start = head.find(b"\xff\x4f\xff\x51")
    place = head.find(b"\xff\x52", start)
    if start < 0 or place < 0 or place + 9 >= len(head):
        return 0
    stream.seek(0, io.SEEK_SET)
    return head[place + 9]
