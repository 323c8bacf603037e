"""The chunks of a PNG file: how many bits count, and metadata that Pillow stumbles over."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from PIL import PngImagePlugin

from ldpf.data.jpeg_segments import HeaderError, without

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_CHUNKS = 200_000
"""Of one file: a gigabyte in the usual pieces of 8 KiB has fewer."""

_METADATA = frozenset({b"tEXt", b"zTXt", b"iTXt", b"iCCP"})
_LEAST = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"acTL": 8, b"fcTL": 26}
"""Bytes of chunks that Pillow takes a whole file for damaged by where they are shorter."""

_KEYWORD = 79
"""The most bytes of a text's or profile's name."""

_CHECKED = 2**16
"""Bytes of which a checksum is computed at one time."""


def is_png(stream: BinaryIO) -> bool:
    """Whether an open file begins as a PNG does; the position stays at the beginning."""
    stream.seek(0)
    head = stream.read(len(_SIGNATURE))
    stream.seek(0)
    return head == _SIGNATURE


def significant_bits(stream: BinaryIO) -> int | None:
    """The greatest number of the chunk sBIT; None without one. The position stays where it is.

    Args:
        stream: An open PNG file.
    """
    before = stream.tell()
    try:
        for kind, start, length in _chunks(stream):
            if kind == b"sBIT" and 0 < length <= 4:
                stream.seek(start + 8)
                return max(stream.read(length))
            if kind == b"IDAT":
                return None
        return None
    finally:
        stream.seek(before)


def without_bad_metadata(stream: BinaryIO) -> BinaryIO:
    """The same PNG without the metadata that Pillow takes the whole file for damaged by.

    These are texts and color profiles of more than a megabyte, which Pillow takes for
    decompression bombs, and chunks that a picture can do without (ancillary ones) whose checksum,
    length or compression is wrong; the specification wants those skipped. No large one is
    unpacked: of each no more than the limit is decompressed.

    Args:
        stream: An open PNG file.

    Returns:
        `stream` itself at its beginning, or, where something is left out, a copy in memory.

    Raises:
        HeaderError: It is of Apple's own kind, which no other program reads.
    """
    left_out: list[tuple[int, int]] = []
    total = 0
    for kind, start, length in _chunks(stream):
        if kind == b"CgBI":
            raise HeaderError(
                "a PNG as Xcode packs it into apps for iPhones (CgBI), which only Apple's programs "
                "read; unpack it with 'pngcrush -revert-iphone-optimizations'"
            )
        if kind[:1].islower() and _is_wrong(kind, stream, start, length):
            left_out.append((start, start + 12 + length))
            continue
        if kind not in _METADATA:
            continue
        size = _unpacked_size(kind, stream, start, length)
        total += size
        if size > PngImagePlugin.MAX_TEXT_CHUNK or total > PngImagePlugin.MAX_TEXT_MEMORY:
            left_out.append((start, start + 12 + length))
            total -= size
    stream.seek(0)
    return without(stream, left_out) if left_out else stream


def _is_wrong(kind: bytes, stream: BinaryIO, start: int, length: int) -> bool:
    """Whether a chunk's length, compression or checksum is not what it should be."""
    if length < _LEAST.get(kind, 0):
        return True
    stream.seek(start + 4)
    checksum, left = 0, length + 4
    head = b""
    while part := stream.read(min(left, _CHECKED)):
        checksum = zlib.crc32(part, checksum)
        head = head or part[4 : 4 + _KEYWORD + 2]
        left -= len(part)
    if stream.read(4) != checksum.to_bytes(4, "big"):
        return True
    if kind not in (b"zTXt", b"iCCP"):
        return False
    _, end, method = head.partition(b"\0")
    return not end or method[:1] != b"\0"


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Kind, first byte and length of each chunk; the position may be moved in between."""
    start = len(_SIGNATURE)
    for _ in range(_MOST_CHUNKS):
        stream.seek(start)
        head = stream.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        yield kind, start, length
        start += 12 + length  # the length itself, the kind, the checksum
        if kind == b"IEND":
            return
    raise HeaderError(f"a PNG of more than {_MOST_CHUNKS:,} chunks")


def _unpacked_size(kind: bytes, stream: BinaryIO, start: int, length: int) -> int:
    """Bytes of a text or profile when unpacked, exact up to Pillow's limit for one."""
    limit = PngImagePlugin.MAX_TEXT_CHUNK
    if kind == b"tEXt" or length > limit:
        return length
    stream.seek(start + 8)
    _, _, rest = stream.read(length).partition(b"\0")  # behind the keyword
    if kind == b"iTXt":
        if rest[:1] != b"\1":
            return length
        rest = b"".join(rest[2:].split(b"\0", 2)[2:])  # behind language and translated keyword
    else:
        rest = rest[1:]  # behind the method of compression
    try:
        return len(zlib.decompressobj().decompress(rest, limit + 1))
    except zlib.error:
        return length
