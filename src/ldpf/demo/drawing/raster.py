"""From parts to pixels: painting, masks, noise fields, blur."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ldpf.demo.drawing.palette import Rgb
from ldpf.demo.drawing.shapes import Part


def paint_part(
    draw: ImageDraw.ImageDraw,
    part: Part,
    color: Rgb | int,
    size: int,
    outline: Rgb | int | None = None,
    outline_width: float = 0.0,
    least_width: float = 0.0,
) -> None:
    """Paint one part on a square canvas of `size` pixels, with an optional line around it.

    Widths are shares of the canvas; `least_width` keeps thin strokes visible at low resolution.
    """
    points = (part.points * size).ravel().tolist()  # x, y, x, y, ...
    edge = round(outline_width * size)
    if part.width > 0:
        width = max(1, round(max(part.width, least_width) * size))
        if outline is not None and edge > 0 and part.width > outline_width * 1.2:
            _line(draw, points, outline, width + 2 * edge, part.closed)
        _line(draw, points, color, width, part.closed)
        return
    draw.polygon(points, fill=color)
    if outline is not None and edge > 0:
        _line(draw, points, outline, edge, closed=True)


def _line(
    draw: ImageDraw.ImageDraw, points: list[float], color: Rgb | int, width: int, closed: bool
) -> None:
    if closed:
        points = points + points[:4]
    draw.line(points, fill=color, width=width, joint="curve" if width > 4 else None)
    if not closed and width > 2:  # round ends
        r = width / 2
        for x, y in (points[:2], points[-2:]):
            draw.ellipse((x - r, y - r, x + r, y + r), fill=color)


def paint(
    image: Image.Image,
    parts: Sequence[Part],
    color_of: Callable[[Part], Rgb],
    outline: Rgb | None = None,
    outline_width: float = 0.0,
    least_width: float = 0.014,
) -> Image.Image:
    """Paint all parts, back to front, onto `image` (in place) and return it."""
    draw = ImageDraw.Draw(image)
    for part in parts:
        paint_part(draw, part, color_of(part), image.width, outline, outline_width, least_width)
    return image


def mask(parts: Sequence[Part], size: int) -> Image.Image:
    """The silhouette of all parts: mode L, 255 inside."""
    image = Image.new("L", (size, size), 0)
    draw = ImageDraw.Draw(image)
    for part in parts:
        paint_part(draw, part, 255, size, least_width=0.014)
    return image


def part_layer(
    part: Part, size: int, margin: int, least_width: float
) -> tuple[Image.Image, tuple[slice, slice]]:
    """One part's silhouette, cut to its surroundings, and where on the canvas that piece lies."""
    reach = margin + part.width * size / 2
    low = np.clip(np.floor(part.points.min(0) * size - reach), 0, size - 1).astype(int)
    high = np.clip(np.ceil(part.points.max(0) * size + reach), low + 1, size).astype(int)
    layer = Image.new("L", tuple((high - low).tolist()), 0)
    moved = replace(part, points=part.points - low / size)
    paint_part(ImageDraw.Draw(layer), moved, 255, size, least_width=least_width)
    return layer, (slice(low[1], high[1]), slice(low[0], high[0]))


def noise_field(rng: np.random.Generator, size: int, cells: int, octaves: int = 3) -> np.ndarray:
    """Smooth random values [size, size] in [0, 1]: octaves of enlarged coarse grids, summed."""
    total = Image.fromarray(np.zeros((1, 1), np.float32))
    for i in range(octaves):  # coarse to fine, enlarging only to the next octave's grid
        n = min(size, cells * 2**i)
        grid = np.asarray(total.resize((n, n), Image.Resampling.BICUBIC))
        total = Image.fromarray(grid + rng.random((n, n), dtype=np.float32) * 0.5**i)
    total = np.asarray(total.resize((size, size), Image.Resampling.BICUBIC))
    low, high = float(total.min()), float(total.max())
    return (total - low) / max(high - low, 1e-6)


def blur(image: Image.Image, radius: float) -> Image.Image:
    """Gaussian blur with a radius in pixels."""
    return image.filter(ImageFilter.GaussianBlur(radius))


def as_float(image: Image.Image) -> np.ndarray:
    """Pixels as float32 in [0, 1], [H, W] or [H, W, 3]."""
    return np.asarray(image, dtype=np.float32) / 255.0


def as_image(pixels: np.ndarray) -> Image.Image:
    """The inverse of `as_float`, clipping what lies outside [0, 1]."""
    return Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))


def two_tone(field: np.ndarray, a: Rgb, b: Rgb) -> np.ndarray:
    """Mix two colors pixel by pixel: [H, W] in [0, 1] -> [H, W, 3]."""
    return field[..., None] * (np.array(b, np.float32) / 255) + (1 - field[..., None]) * (
        np.array(a, np.float32) / 255
    )


def vignette(size: int, strength: float, cx: float = 0.5, cy: float = 0.5) -> np.ndarray:
    """A factor [size, size] that falls from 1 at (cx, cy) to about 1 - strength in the corners."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    distance = ((axis[None, :] - cx) ** 2 + (axis[:, None] - cy) ** 2) / 0.5
    return 1 - strength * np.clip(distance, 0, 1)
