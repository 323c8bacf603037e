"""Figures and photographs as data URIs, so that a report needs no file beside it."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageOps

from ldpf.data.images import UnreadableImageError, read_image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

THUMBNAIL = 128
"""Longer side of a thumbnail in pixels."""

_DOTS_PER_INCH = 130  # of those parts of a figure that are not made of curves


def figure_uri(draw: Callable[[], Figure]) -> str:
    """A figure as an SVG in a data URI, the same bytes every time.

    Words stay words: the browser sets them, and has letters that the fonts here may lack.

    Args:
        draw: makes the figure. It is called with fixed ids and fonts, which must be set before and
            while it is drawn.
    """
    import matplotlib

    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "ldpf",
        "font.family": "sans-serif",
    }
    stream = io.BytesIO()
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        draw().savefig(
            stream, format="svg", dpi=_DOTS_PER_INCH, metadata={"Date": None, "Creator": None}
        )
    return data_uri("image/svg+xml", stream.getvalue())


def thumbnail_uri(file: Path, side: int = THUMBNAIL) -> str:
    """A small copy of an image file as a data URI; empty where it cannot be read.

    The whole image is kept, not a square of it: what is at its edge may be why an answer is wrong.
    """
    try:
        image = read_image(file)
    except UnreadableImageError:
        return ""
    small = ImageOps.contain(image, (side, side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=82)
    return data_uri("image/jpeg", stream.getvalue())


def data_uri(kind: str, content: bytes) -> str:
    """Bytes of a media type as a data URI."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
