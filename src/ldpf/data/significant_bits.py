"""How many bits of a value count, as a chunk of PNG or a tag or description of TIFF says."""

from __future__ import annotations

import re
from typing import Any

from PIL import Image, TiffImagePlugin

from ldpf.data.png_chunks import significant_bits

_BITS, _DESCRIPTION, _GREATEST = 258, 270, 281
_DESCRIBED = 100_000
"""Characters of a description that are looked at."""

_OME_BITS = re.compile(r'\bSignificantBits="(\d{1,2})"')
_IMAGEJ_GREATEST = re.compile(r"^max=(\d{3,5})(?:\.0*)?$", re.MULTILINE)


def significant_bits_of(image: Image.Image) -> int | None:
    """How many bits of 16 an opened file says are significant; None where it says nothing.

    To be asked before the image is loaded, while its file is open.
    """
    stream: Any = getattr(image, "fp", None)
    if image.format == "PNG" and stream is not None and not stream.closed:
        return significant_bits(stream)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return tiff_bits(image)
    return None


def tiff_bits(image: Image.Image) -> int | None:
    """How many bits of 16 an opened TIFF says are significant."""
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    stored = max(numbers_of(tags.get(_BITS)), default=16)
    if stored < 16:
        return int(stored)
    # MaxSampleValue may also be a statistic of this image; only 2^n - 1 says how many bits count.
    greatest = int(max(numbers_of(tags.get(_GREATEST)), default=0))
    return _bits_of(greatest) or _bits_described(str(tags.get(_DESCRIPTION, ""))[:_DESCRIBED])


def _bits_of(greatest: int) -> int | None:
    bits = greatest.bit_length()
    return bits if 8 < bits < 16 and greatest == 2**bits - 1 else None


def _bits_described(text: str) -> int | None:
    """Significant bits as the description of OME (microscopes) or ImageJ has them."""
    if found := _OME_BITS.search(text):
        bits = int(found[1])
        return bits if 8 < bits < 16 else None
    found = _IMAGEJ_GREATEST.search(text) if text.startswith("ImageJ=") else None
    return _bits_of(int(found[1])) if found else None


def numbers_of(tag: Any) -> list[float]:
    """The numbers of a TIFF tag."""
    found = tag if isinstance(tag, (tuple, list)) else [] if tag is None else [tag]
    return [float(one) for one in found]
