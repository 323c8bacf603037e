"""Color images of 16 bits a channel of which only the lower ones are used."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from PIL import Image

from ldpf.data.pixel_ranges import scaled

# Pillow keeps the upper byte of each channel; read as if in the other byte order, it keeps the
# lower one.
_NATIVE_LOW = "16B" if sys.byteorder == "little" else "16L"
_LOW_BYTES = {";16B": ";16L", ";16L": ";16B", ";16N": f";{_NATIVE_LOW}"}
_GRAY_WITH_ALPHA = "LA;16B"


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
    if bits is None or not 8 < bits < 16 or image.mode not in ("RGB", "RGBA"):
        return None
    tile: Any = image.tile[0] if getattr(image, "tile", None) else None  # type: ignore[attr-defined]
    rawmode = _rawmode(tile)
    if not any(end in rawmode for end in _LOW_BYTES):
        return None
    if rawmode == _GRAY_WITH_ALPHA:
        raw = _decoded(image, "RGBA").astype(np.uint16)  # both bytes of gray, both of alpha
        channels = raw[..., 0::2] << 8 | raw[..., 1::2]
        values = channels[..., (0, 0, 0, 1)]
    else:
        end = next(end for end in _LOW_BYTES if end in rawmode)
        low = _decoded(image, rawmode.replace(end, _LOW_BYTES[end]))
        high = _decoded(image, rawmode)
        values = high.astype(np.uint16) << 8 | low
    colors = values[..., :3]
    if int(colors.max()) >= 2**bits:
        return None
    top = 2.0**bits - 1
    parts = [scaled(colors, 0.0, top)]
    if values.shape[-1] == 4:
        alpha = values[..., 3:]
        parts.append(scaled(alpha, 0.0, top if alpha.max() <= top else 65535.0))
    return Image.fromarray(np.concatenate(parts, axis=-1))


def _decoded(image: Image.Image, rawmode: str) -> np.ndarray:
    """The pixels, [H, W, C] uint8, unpacked in another way; `image` stays unread."""
    stream: Any = image.fp  # type: ignore[attr-defined]
    before = stream.tell()
    try:
        stream.seek(0)
        again: Any = Image.open(stream, formats=(str(image.format),))
        again.tile = [_with_rawmode(tile, rawmode) for tile in again.tile]
        return np.asarray(again)
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
