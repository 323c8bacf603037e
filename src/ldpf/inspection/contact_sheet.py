"""Contact sheets: what the images of a latent domain look like, on one PNG."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from ldpf.data.images import UnreadableImageError, read_image

TILE = 144
"""Side of a thumbnail in pixels."""

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_GAP = 12
_MARGIN = 28
_CAPTION = 22  # height of the line under a thumbnail
_BACKGROUND = (250, 250, 248)
_INK = (28, 28, 30)
_SOFT_INK = (110, 110, 115)
_LINE = (221, 221, 217)
_MISSING = (228, 228, 225)


@dataclass(frozen=True)
class Panel:
    """One titled group of thumbnails.

    Attributes:
        title: for example "Latent domain 0".
        subtitle: for example "412 images, 34 %".
        files: image files, in order.
        captions: a few words under each, for example the class.
    """

    title: str
    subtitle: str
    files: tuple[Path, ...]
    captions: tuple[str, ...]


def draw_sheet(panels: Sequence[Panel], columns: int, tile: int = TILE) -> Image.Image:
    """Draw panels below each other, each a grid of center-cropped squares.

    A file that cannot be read is a gray square that says so.

    Args:
        panels: at least one.
        columns: thumbnails in a row, at least one.
        tile: side of a thumbnail in pixels.
    """
    heights = [_panel_height(panel, columns, tile) for panel in panels]
    # An empty column would look like a mistake: no wider than the longest row.
    columns = max(1, min(columns, max(len(panel.files) for panel in panels)))
    grid = columns * tile + (columns - 1) * _GAP
    width = max(grid, 4 * tile) + 2 * _MARGIN
    height = sum(heights) + _MARGIN * (len(panels) + 1)
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    top = _MARGIN
    for position, (panel, panel_height) in enumerate(zip(panels, heights, strict=True)):
        if position:
            draw.line(
                [(_MARGIN, top - _MARGIN // 2), (width - _MARGIN, top - _MARGIN // 2)], fill=_LINE
            )
        _draw_panel(sheet, draw, panel, top, columns, tile)
        top += panel_height + _MARGIN
    return sheet


def _panel_height(panel: Panel, columns: int, tile: int) -> int:
    rows = math.ceil(len(panel.files) / columns)
    return _heading_height() + rows * (tile + _CAPTION) + max(rows - 1, 0) * _GAP


def _heading_height() -> int:
    return 40


def _draw_panel(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    panel: Panel,
    top: int,
    columns: int,
    tile: int,
) -> None:
    title_font, text_font, caption_font = _font(21, bold=True), _font(15), _font(12)
    baseline = top + 22
    draw.text((_MARGIN, baseline), panel.title, fill=_INK, font=title_font, anchor="ls")
    after = _MARGIN + draw.textlength(panel.title, font=title_font) + 14
    draw.text((after, baseline), panel.subtitle, fill=_SOFT_INK, font=text_font, anchor="ls")
    for position, (file, caption) in enumerate(zip(panel.files, panel.captions, strict=True)):
        row, column = divmod(position, columns)
        left = _MARGIN + column * (tile + _GAP)
        upper = top + _heading_height() + row * (tile + _CAPTION + _GAP)
        thumbnail = _thumbnail(file, tile)
        if thumbnail is None:
            box = (left, upper, left + tile - 1, upper + tile - 1)
            draw.rectangle(box, fill=_MISSING)
            middle = (left + tile // 2, upper + tile // 2)
            draw.text(middle, "not readable", fill=_SOFT_INK, font=caption_font, anchor="mm")
        else:
            sheet.paste(thumbnail, (left, upper))
            # A white drawing on a white page would have no edge.
            draw.rectangle((left, upper, left + tile - 1, upper + tile - 1), outline=_LINE)
        text = _shortened(draw, caption, caption_font, tile)
        draw.text(
            (left + tile // 2, upper + tile + 16), text, fill=_INK, font=caption_font, anchor="ms"
        )


def _thumbnail(file: Path, tile: int) -> Image.Image | None:
    try:
        image = read_image(file)
    except UnreadableImageError:
        return None
    return ImageOps.fit(image, (tile, tile), Image.Resampling.LANCZOS)


def _shortened(draw: ImageDraw.ImageDraw, text: str, font: _Font, width: int) -> str:
    if draw.textlength(text, font=font) <= width:
        return text
    while text and draw.textlength(text + "…", font=font) > width:
        text = text[:-1]
    return text.rstrip() + "…"


@lru_cache(maxsize=8)
def _font(size: int, bold: bool = False) -> _Font:
    """DejaVu Sans as matplotlib brings it: Pillow's own font lacks every letter with an accent."""
    package = importlib.util.find_spec("matplotlib")  # found, not imported: that takes a while
    if package is not None and package.origin is not None:
        name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
        file = Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / name
        if file.is_file():
            return ImageFont.truetype(str(file), size)
    return ImageFont.load_default(size=size)
