"""Damaged image files: every format that Pillow writes, and headers that lie."""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image, features

from fuzz.base import Attack, Fell
from fuzz.mutate import damaged
from ldpf.data.images import UnreadableImageError, check_images, read_image

LIMIT_S = 10.0
"""Within which every image is read or refused."""

LIMIT_MB = 400.0

_ENDS = ("jpg", "png", "gif", "bmp", "webp", "tif")
"""Formats whose files say where they end, so that what is behind does not count."""


class Images(Attack):
    """`read_image` of a damaged file gives 8-bit RGB, the same each time, or an error in words."""

    name = "images"
    title = "damaged images"
    count = 10_000
    limit_s = 3 * LIMIT_S  # an attempt reads its image three times
    limit_mb = LIMIT_MB

    def attempt(self, seed: int, place: Path) -> str:
        """Damage one image, and read it from a file, from memory, and as `check_images` does."""
        draws = np.random.default_rng([1, seed])
        name, content = self._sample(draws)
        if name in _ENDS and draws.random() < 0.1:  # nothing that counts is changed
            return self._harmless(name, content, draws, place)
        _, other = self._sample(draws)
        content = (
            _lying(content, draws) if draws.random() < 0.15 else damaged(content, draws, other)
        )
        ending = name if draws.random() < 0.9 else "jpg"
        file = place / f"image.{ending}"
        file.write_bytes(content)
        first, second = _read(file), _read(file, content)
        if first.pixels != second.pixels:
            raise Fell(f"from the file: {first!r:.200}, from memory: {second!r:.200}")
        if first.pixels is None:
            _check_reason(first.reason)
            if not check_images([file], workers=1):
                raise Fell(f"check_images finds nothing wrong, read_image says: {first.reason}")
            return "refused"
        return "read"

    def _harmless(self, name: str, content: bytes, draws: np.random.Generator, place: Path) -> str:
        """Bytes behind the end, and another ending, change no pixel."""
        expected = _read(Path("x"), content)
        file = place / f"image.{'png' if draws.random() < 0.5 else name}"
        behind = draws.bytes(int(draws.integers(0, 2000)))
        file.write_bytes(content + behind)
        found = _read(file)
        if found.pixels is None or found != expected:
            raise Fell(f"a whole {name} with {len(behind)} bytes behind it: {found!r:.200}")
        return "read as the whole one"

    def _sample(self, draws: np.random.Generator) -> tuple[str, bytes]:
        return self._samples[int(draws.integers(len(self._samples)))]

    @cached_property
    def _samples(self) -> list[tuple[str, bytes]]:
        return list(_written())


@dataclass(frozen=True)
class _Read:
    """What came of a file.

    Attributes:
        reason: why it was not read; "" where it was.
        size: width and height.
        pixels: a digest of them; None where there are none.
    """

    reason: str = ""
    size: tuple[int, int] = (0, 0)
    pixels: str | None = None


def _read(file: Path, content: bytes | None = None) -> _Read:
    try:
        image = read_image(file, data=content)
    except UnreadableImageError as error:
        return _Read(re.sub(r"<_io\.[^>]*>", "<stream>", error.reason))
    if image.mode != "RGB" or min(image.size) < 1:
        raise Fell(f"mode {image.mode}, size {image.size}")
    digest = hashlib.sha256()
    rows = max(1, 1_000_000 // image.width)  # in strips: the reader's own memory is what counts
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        digest.update(strip.tobytes())
    return _Read("", image.size, digest.hexdigest())


def _check_reason(reason: str) -> None:
    if not reason.strip() or "\n" in reason or len(reason) > 500 or not reason.isprintable():
        raise Fell(f"a reason that is no sentence: {reason!r:.600}")


def _written() -> Iterator[tuple[str, bytes]]:
    """One file of each format and mode that can be written here."""
    draws = np.random.default_rng(3)
    pixels = draws.integers(0, 256, (40, 56, 3), dtype=np.uint8)
    pixels[10:30, 10:40] = (200, 30, 90)
    rgb = Image.fromarray(pixels)
    gray16 = Image.fromarray(draws.integers(0, 65536, (20, 24), dtype=np.uint16))
    real = Image.fromarray(draws.random((20, 24), dtype=np.float32))
    alpha = rgb.convert("RGBA")
    alpha.putalpha(rgb.convert("L"))
    palette = rgb.quantize(32)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a description"

    def save(image: Image.Image, ending: str, **options: object) -> tuple[str, bytes]:
        stream = io.BytesIO()
        writers = {"jpg": "jpeg", "tif": "tiff", "jp2": "jpeg2000", "pnm": "ppm"}
        image.save(stream, format=writers.get(ending, ending), **options)
        return ending, stream.getvalue()

    several = [rgb.rotate(90 * i) for i in range(4)]
    yield save(rgb, "jpg", quality=90, exif=exif)
    yield save(rgb, "jpg", progressive=True)
    yield save(rgb.convert("CMYK"), "jpg")
    yield save(rgb.convert("L"), "jpg", restart_marker_blocks=2)
    yield save(rgb, "png", exif=exif, pnginfo=None)
    yield save(alpha, "png")
    yield save(palette, "png", transparency=3)
    yield save(rgb.convert("1"), "png")
    yield save(gray16, "png")
    yield save(rgb, "png", save_all=True, append_images=several)
    yield save(palette, "gif", save_all=True, append_images=several)
    yield save(rgb, "bmp")
    yield save(palette, "bmp")
    yield save(rgb.convert("1"), "bmp")
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield save(rgb, "tif", compression=compression)
    for compression in ("group3", "group4", "tiff_ccitt"):
        yield save(rgb.convert("1"), "tif", compression=compression)
    yield save(gray16, "tif")
    yield save(real, "tif")
    yield save(alpha, "tif", save_all=True, append_images=[alpha])
    yield save(rgb.convert("LAB"), "tif")
    yield save(rgb, "ppm")
    yield save(rgb.convert("L"), "pnm")
    yield save(gray16, "pnm")
    yield "ppm", b"P3\n# plain\n4 3\n255\n" + b" ".join(b"%d" % i for i in range(36)) + b"\n"
    yield "pnm", b"P2 3 2 1000\n" + b" ".join(b"%d" % (i * 150) for i in range(6))
    yield "pnm", b"P1 4 2\n0 1 0 1\n1 0 1 0\n"
    yield save(rgb, "ico", sizes=[(16, 16), (32, 32)])
    yield save(rgb, "tga")
    yield save(rgb, "pcx")
    if features.check("webp"):
        yield save(rgb, "webp")
        yield save(alpha, "webp", lossless=True)
        yield save(rgb, "webp", save_all=True, append_images=several)
    if features.check("jpg_2000"):
        yield save(rgb, "jp2")
    if features.check("avif"):
        yield save(rgb, "avif")


def _lying(content: bytes, draws: np.random.Generator) -> bytes:
    """A header that claims another size, with checksums that are right."""
    lies: list[Callable[[bytes, np.random.Generator], bytes]] = [_png_size, _jpeg_size, _chunks]
    return lies[int(draws.integers(len(lies)))](content, draws)


def _size(draws: np.random.Generator, most: int) -> int:
    return int(draws.choice((0, 1, 2, 100, 5000, 9000, 20_000, 65_535, 2**20, most)))


def _png_size(content: bytes, draws: np.random.Generator) -> bytes:
    body = struct.pack(">II", _size(draws, 2**31 - 1), _size(draws, 2**31 - 1))
    body += bytes((int(draws.choice((1, 2, 4, 8, 16, 3))), int(draws.choice((0, 2, 3, 4, 6, 1)))))
    head = _chunk(b"IHDR", body + bytes((0, 0, int(draws.integers(0, 3)))))
    data = zlib.compress(bytes(int(draws.integers(0, 3_000_000))))
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunks(content: bytes, draws: np.random.Generator) -> bytes:
    """A PNG with chunks of any kind between its own."""
    if not content.startswith(b"\x89PNG"):
        return _png_size(content, draws)
    names = (b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"tRNS", b"PLTE", b"gAMA", b"acTL")
    more = b""
    for _ in range(int(draws.integers(1, 6))):
        name = names[int(draws.integers(len(names)))]
        body = draws.bytes(int(draws.integers(0, 300)))
        if name in (b"zTXt", b"iCCP"):
            body = b"x\x00\x00" + zlib.compress(bytes(int(draws.integers(0, 10_000_000))))
        more += _chunk(name, body)
    return content[:33] + more + content[33:]


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _jpeg_size(content: bytes, draws: np.random.Generator) -> bytes:
    data = bytearray(content)
    at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    if not content.startswith(b"\xff\xd8") or at < 0:
        return _png_size(content, draws)
    size = min(_size(draws, 65_535), 65_535), min(_size(draws, 65_535), 65_535)
    data[at + 5 : at + 9] = struct.pack(">HH", *size)
    return bytes(data)
