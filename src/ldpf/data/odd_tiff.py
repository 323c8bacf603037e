"""TIFF files that Pillow opens and reads wrongly: put right before their pixels are decoded."""

from __future__ import annotations

from typing import Any

from PIL import Image, ImagePalette, TiffImagePlugin

from ldpf.data.jpeg_segments import HeaderError

_BITS, _COLOR_MAP = 258, 320
_UNPACKED = frozenset("RGBA")
"""Channels of which Pillow unpacks 16 bits where each lies in a plane of its own."""


def put_right(image: Image.Image) -> None:
    """Correct how the pixels of an opened TIFF are to be unpacked; others stay as they are.

    - Uncompressed color of 16 bits in planes: Pillow unpacks every byte as if it were a value.
    - A palette of values up to 255: the format has 65,535, but some programs write bytes.

    Args:
        image: Opened, not loaded.

    Raises:
        HeaderError: Its channels are ones that Pillow does not unpack so.
    """
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return
    tags: Any = image.tag_v2
    tiles: list[Any] = image.tile
    if tiles and tiles[0][0] == "raw" and tags.get(_BITS, (8,))[0] == 16:
        order = "L" if tags.prefix == b"II" else "B"
        image.tile = [_of_16_bits(tile, order) for tile in tiles]
    colors = tags.get(_COLOR_MAP) if image.mode in ("P", "PA") else None
    if colors and 0 < max(colors) < 256:
        image.palette = ImagePalette.raw("RGB;L", bytes(colors))


def _of_16_bits(tile: Any, order: str) -> Any:
    """A tile of one channel, its values unpacked as 16 bits; any other as it is."""
    channel, *rest = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
    if len(channel) != 1:
        return tile
    if channel not in _UNPACKED:
        raise HeaderError(
            "a TIFF of 16 bits with each of its inks apart, which Pillow does not read; save it as "
            "grayscale or RGB"
        )
    return tile._replace(args=(f"{channel};16{order}", *rest))
