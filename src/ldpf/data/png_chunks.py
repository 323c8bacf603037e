"""The chunks of a PNG file: how many bits count, and metadata that Pillow refuses to read."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from PIL import PngImagePlugin

from ldpf.data.header_facts import HeaderError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_CHUNKS = 200_000
"""Of one file: a gigabyte in the usual pieces of 8 KiB has fewer."""

_METADATA = frozenset({b"tEXt", b"zTXt", b"iTXt", b"iCCP"})


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


def without_large_metadata(stream: BinaryIO) -> BinaryIO:
    """The same PNG without texts and color profiles that Pillow is unwilling to unpack.

    Pillow takes a text or a color profile of more than a megabyte for a decompression bomb, and the
    whole file for damaged. None of them changes a pixel here, so they are left out, not unpacked:
    of each no more than the limit is decompressed.

    Args:
        stream: An open PNG file.

    Returns:
        `stream` itself at its beginning, or, where something is left out, a copy in memory.
    """
    left_out: list[tuple[int, int]] = []
    total = 0
    for kind, start, length in _chunks(stream):
        if kind not in _METADATA:
            continue
        size = _unpacked_size(kind, stream, start, length)
        total += size
        if size > PngImagePlugin.MAX_TEXT_CHUNK or total > PngImagePlugin.MAX_TEXT_MEMORY:
            left_out.append((start, start + 12 + length))
            total -= size
    stream.seek(0)
    if not left_out:
        return stream
    kept = bytearray()
    for start, end in left_out:
        kept += stream.read(start - stream.tell())
        stream.seek(end)
    kept += stream.read()
    return io.BytesIO(kept)


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
