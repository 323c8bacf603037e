"""How much memory decoding an image takes, from its header; and what is said where it is too much.

Counted are Pillow's image, the picture that it becomes, and what the decoder keeps of the whole
image; tests and `benchmarks/decoding.py` measure that no format takes more.
"""

from __future__ import annotations

from typing import BinaryIO

from PIL import Image

from ldpf.data.deep_color import is_deep
from ldpf.data.header_facts import HeaderError, jpeg_header, place_of_page, tiff_header, webp_size
from ldpf.data.limits import MAX_MEMORY, WHOLE_PIXELS, reduction
from ldpf.data.significant_bits import significant_bits_of

_ONE_BYTE = frozenset({"1", "L", "P"})
_BLOCKS = 20_000_000
"""For the blocks that are being converted, and small things."""

_SMALL = 2_000_000
_WEBP = 12
"""Bytes a pixel that the decoder of WebP takes: two canvases, and a copy of the result."""

_WHOLE = frozenset({"AVIF", "HEIF", "JXL", "JPEG2000", "DICOM"})
_WHOLE_BYTES = 16
"""Bytes a pixel of these, roughly: how many run at one time. Their process measures it exactly."""

_SCANS = 100
_PIXELS_OF_SCANS = 10**9
"""Scans times pixels, each of which costs some nanoseconds even where it says nothing."""

_MOST_PAGES = 20
"""That are looked at for one that is no preview."""

_TAG_VALUES = 400_000
"""Numbers in a TIFF tag: tiles of 16 x 16 are as many at the pixel limit; each takes 340 bytes."""


def why_too_much(image: Image.Image, stream: BinaryIO, size: int, needed: int) -> str | None:
    """Why an image is not decoded, or None.

    Args:
        image: Opened, not loaded.
        stream: Its file.
        size: Its bytes.
        needed: By `memory_needed`.
    """
    if needed > MAX_MEMORY and image.format not in _WHOLE:
        return too_much(image.format or "an image", needed)
    if image.format in ("JPEG", "MPO") and _may_have_scans(image, size):
        header = jpeg_header(stream)
        if header.scans > _SCANS and header.scans * header.pixels > _PIXELS_OF_SCANS:
            return f"a progressive JPEG of {header.scans:,} scans, which takes too long to decode"
    return None


def too_much(kind: str, needed: int) -> str:
    """What is said of an image of a format that takes `needed` bytes."""
    return (
        f"decoding it ({kind}) takes about {needed // 10**6:,} MB, above the limit of "
        f"{MAX_MEMORY // 10**6:,} MB; save it at a smaller size"
    )


def memory_needed(image: Image.Image, stream: BinaryIO, size: int) -> int:
    """Bytes that decoding an opened image and converting it to RGB takes, its file left out.

    Args:
        image: Opened, not loaded; already told to decode smaller where it can.
        stream: Its file; the position may change.
        size: Its bytes.
    """
    width, height = image.size
    pixels = width * height
    factor = reduction(width, height)
    native = pixels * _native_bytes(image.mode)
    result = 4 * (-(-width // factor) * -(-height // factor))
    if image.mode in _ONE_BYTE:  # gray first, then in three channels
        result += result // 4
    if image.format in _WHOLE:
        return max(_BLOCKS + native + result, _WHOLE_BYTES * pixels)
    if image.format == "WEBP":  # its decoder is gone before the result is there
        return max(_BLOCKS + native + result, native + _WEBP * pixels + _SMALL)
    return _BLOCKS + native + result + _extra(image, stream, size, pixels, native)


def webp_needed(head: bytes) -> int:
    """Bytes that a WebP file that begins with `head` takes from opening it on; 0 for no WebP."""
    width, height = webp_size(head) or (0, 0)
    return (_WEBP + 4) * width * height


def page_to_read(stream: BinaryIO) -> int:
    """Refuse an open TIFF file with too many numbers in one tag that Pillow looks at.

    Returns:
        The number of the page to read: of the first one that is no preview, where the first of all
        says that it is one, as scanners and microscopes write them. Else, and where all say so, 0.

    Raises:
        HeaderError: So it is.
    """
    page, place = 0, None
    while page < _MOST_PAGES:
        header = tiff_header(stream, place)
        if header is None:
            return 0
        if header.most_values > _TAG_VALUES:
            raise HeaderError(
                f"a TIFF tag of {header.most_values:,} numbers, above the limit of {_TAG_VALUES:,}"
            )
        if not header.is_preview:
            return page
        page, place = page + 1, header.following
        if not place:
            return 0
    return 0


def _extra(image: Image.Image, stream: BinaryIO, size: int, pixels: int, native: int) -> int:
    """What the decoder keeps of the whole image."""
    if image.format in ("JPEG", "MPO"):
        return jpeg_header(stream).coefficients if _may_have_scans(image, size) else 0
    if image.format == "TIFF":
        header = tiff_header(stream, place_of_page(image))
        if header is None:
            return 0
        return (header.compression != 1) * header.piece + header.turned * native
    if is_deep(image, significant_bits_of(image)):  # both bytes of every channel
        return 2 * native
    return 0


def _may_have_scans(image: Image.Image, size: int) -> bool:
    """Whether the file of a JPEG is so large that its scans must be looked at.

    A scan takes ten bytes at least. Nearly all ordinary JPEGs are spared the search.
    """
    width, height = image.size
    return width * height > WHOLE_PIXELS // 8 or size // 10 * width * height > _PIXELS_OF_SCANS


def _native_bytes(mode: str) -> int:
    """Bytes of a pixel in Pillow's memory."""
    return 1 if mode in _ONE_BYTE else 2 if mode.startswith("I;16") else 4
