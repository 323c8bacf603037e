"""Color images of 16 bits a channel of which only the lower ones are used."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from ldpf.data.blocks import blocks
from ldpf.data.odd_tiff import put_right
from ldpf.data.pixel_ranges import scaled

# Pillow keeps the upper byte of each channel; read as if in the other byte order, it keeps the
# lower one.
_NATIVE_LOW = "16B" if sys.byteorder == "little" else "16L"
_LOW_BYTES = {";16B": ";16L", ";16L": ";16B", ";16N": f";{_NATIVE_LOW}"}
_GRAY_WITH_ALPHA = "LA;16B"


def is_deep(image: Image.Image, bits: int | None) -> bool:
    """Whether `brightened` has to look at the values of an opened image."""
    if bits is None or not 0 < bits < 16 or image.mode not in ("RGB", "RGBA"):
        return False
    tile: Any = image.tile[0] if getattr(image, "tile", None) else None  # type: ignore[attr-defined]
    return any(end in _rawmode(tile) for end in _LOW_BYTES)


def brightened(image: Image.Image, bits: int | None) -> Image.Image | None:
    """A color image whose values fit into `bits` bits, as 8 bits of the range they use.

    Args:
        image: Opened, not loaded; its file stays open and where it is.
        bits: Significant bits, from `ldpf.data.pixel_ranges.significant_bits_of`.

    Returns:
        An image of mode RGB or RGBA, or None where Pillow's own reading is right: another mode, all
        bits significant, or values above those bits (then they are in the upper bits, as the PNG
        specification has it).
    """
    if bits is None or not is_deep(image, bits):
        return None
    rawmode = _rawmode(image.tile[0])  # type: ignore[attr-defined]
    if rawmode == _GRAY_WITH_ALPHA:
        planes = [_decoded(image, rawmode, "RGBA")]  # both bytes of gray, both of alpha
    else:
        end = next(end for end in _LOW_BYTES if end in rawmode)
        planes = [_decoded(image, end, _LOW_BYTES[end]), _decoded(image, end, end)]
    greatest = np.max([v.max(axis=(0, 1)) for _, _, v in _values(planes)], axis=0)  # [C]
    if int(greatest[:3].max()) >= 2**bits:
        return None
    color = 2.0**bits - 1
    alpha = color if int(greatest[3:].max(initial=0)) <= color else 65535.0
    result = Image.new(image.mode, image.size)
    for left, top, values in _values(planes):
        parts = [scaled(values[..., :3], 0.0, color), scaled(values[..., 3:], 0.0, alpha)]
        result.paste(Image.fromarray(np.concatenate(parts, axis=-1)), (left, top))
    return result


def _values(planes: list[Image.Image]) -> Iterator[tuple[int, int, np.ndarray]]:
    """Left, top and 16-bit values [H, W, C] of every block.

    Args:
        planes: The lower and the upper bytes; or both, of gray with alpha, in one RGBA image.
    """
    for parts in zip(*map(blocks, planes), strict=True):
        left, top, _ = parts[0]
        pixels = [np.asarray(block).astype(np.uint16) for _, _, block in parts]
        if len(pixels) == 1:
            channels = pixels[0][..., 0::2] << 8 | pixels[0][..., 1::2]
            yield left, top, channels[..., (0, 0, 0, 1)]
        else:
            yield left, top, pixels[1] << 8 | pixels[0]


def _decoded(image: Image.Image, part: str, other: str) -> Image.Image:
    """The image, `part` of the way its pixels are unpacked replaced; `image` stays unread."""
    stream: Any = image.fp  # type: ignore[attr-defined]
    before = stream.tell()
    try:
        stream.seek(0)
        again: Any = Image.open(stream, formats=(str(image.format),))
        put_right(again)
        again.tile = [
            _with_rawmode(tile, _rawmode(tile).replace(part, other)) for tile in again.tile
        ]
        again.load()
        return again
    finally:
        stream.seek(before)


def _rawmode(tile: Any) -> str:
    args = "" if tile is None else tile[3]
    first = args if isinstance(args, str) else args[0] if args else ""
    return first if isinstance(first, str) else ""


def _with_rawmode(tile: Any, rawmode: str) -> Any:
    codec, box, offset, args = tile
    changed = rawmode if isinstance(args, str) else (rawmode, *args[1:])
    return (
        type(tile)(codec, box, offset, changed)
        if hasattr(tile, "_fields")
        else (codec, box, offset, changed)
    )
