"""The styles nano never sees in training, kept for the demo's new domains: sketch and night."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from ldpf.demo.drawing.palette import Palette
from ldpf.demo.drawing.raster import (
    as_float,
    as_image,
    blur,
    mask,
    noise_field,
    paint,
    paint_part,
    part_layer,
    vignette,
)
from ldpf.demo.drawing.shapes import Part
from ldpf.demo.drawing.styles import Style


def _shaky(rng: np.random.Generator, points: np.ndarray, amount: float) -> np.ndarray:
    """The points as an unsteady hand would set them: a slow drift plus a little jitter."""
    n = len(points)
    steps = rng.standard_normal((2, n, 2))
    drift = steps[0].cumsum(0)
    drift -= np.arange(n)[:, None] / (n - 1) * drift[-1]  # a closed line ends where it began
    return points + amount * (0.7 / max(2.0, math.sqrt(n)) * drift + 0.4 * steps[1])


def _hatching(rng: np.random.Generator, n: int) -> Image.Image:
    """Slanted parallel lines over the whole canvas: mode L, 0 between the lines."""
    lines = Image.new("L", (n, n), 0)
    draw = ImageDraw.Draw(lines)
    angle = rng.uniform(20, 70) * math.pi / 180
    along = np.array([math.cos(angle), -math.sin(angle)])
    across = np.array([-along[1], along[0]])
    for offset in np.arange(-0.8, 0.8, rng.uniform(0.045, 0.07)):
        middle = 0.5 + across * (offset + rng.normal(0, 0.004))
        ends = np.concatenate([middle - along, middle + along]) * n
        draw.line(ends.tolist(), fill=int(rng.uniform(90, 170)), width=max(2, round(0.009 * n)))
    return lines


def sketch(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """Pencil lines on paper: no areas of color, some hatching, lines drawn twice and not exact."""
    n = size * 4
    paper = int(rng.uniform(232, 252))
    image = Image.new("L", (n, n), paper)
    draw = ImageDraw.Draw(image)
    pencil = int(rng.uniform(30, 90))
    width = rng.uniform(0.012, 0.02)
    hatched = {"dark", "black"}
    if rng.random() < 0.5:
        hatched |= {"main", "second", "brown"}
    hatching = _hatching(rng, n)

    def line(points: np.ndarray, breadth: float, closed: bool) -> None:
        tone = min(160, max(0, int(pencil + rng.normal(0, 20))))
        paint_part(draw, Part(points, "dark", breadth, closed), tone, n)

    for part in parts:
        if part.width == 0:
            paint_part(draw, part, paper, n)  # a nearer part hides the lines behind it
            if part.role in hatched:
                layer, (rows, columns) = part_layer(part, n, margin=0, least_width=0)
                box = (columns.start, rows.start, columns.stop, rows.stop)
                ink = ImageChops.multiply(hatching.crop(box), layer)
                image.paste(pencil + 30, box, ink)
            for _ in range(2):
                line(_shaky(rng, part.points, 0.007), width, True)
            continue
        band = max(part.width, 0.8 * width)
        points = _shaky(rng, part.points, 0.006)
        if band > 2.6 * width:  # a broad stroke shows as its two rims
            paint_part(draw, replace(part, width=band + 2.5 * width), paper, n)
            line(points, band + width, part.closed)
            paint_part(draw, Part(points, "light", band - width, part.closed), paper, n)
        else:
            line(points, 0.9 * band, part.closed)
            line(_shaky(rng, part.points, 0.006), 0.9 * band, part.closed)
    grain = as_float(image.reduce(4))
    grain += 0.075 * rng.standard_normal(grain.shape, np.float32) * (1.2 - grain)
    grain *= 0.96 + 0.04 * noise_field(rng, size, 16, 2)
    warm = np.array([1.0, 0.99, 0.96] if rng.random() < 0.5 else [1.0, 1.0, 1.0], np.float32)
    return as_image(grain[..., None] * warm)


def night(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """A night-vision device: green phosphor, grain, scan lines, a dark rim, glowing lights."""
    n = size
    scene = 0.08 + 0.2 * noise_field(rng, n, int(rng.integers(3, 8)), 3)
    if rng.random() < 0.6:
        horizon = int(n * rng.uniform(0.55, 0.8))
        scene[horizon:] += 0.1 * noise_field(rng, n, 10, 2)[horizon:]
    painted = Image.new("RGB", (4 * n, 4 * n), (0, 0, 0))
    painted = paint(painted, parts, lambda part: palette[part.role], least_width=0.02).reduce(4)
    inside = as_float(mask(parts, 4 * n).reduce(4))
    # infrared brightness has little to do with color: one random gain per paint
    tone = as_float(painted) @ rng.dirichlet([2.0, 2.0, 2.0]).astype(np.float32)
    glow = rng.uniform(0.24, 0.34) + 0.6 * tone
    if rng.random() < 0.25:  # colder than what is around it
        scene, glow = scene + 0.32, 0.03 + 0.22 * tone
    scene += inside * (glow - scene)
    scene += 0.35 * as_float(blur(as_image(scene), n * 0.04)) ** 2
    scene = as_float(blur(as_image(scene), 0.6))
    scene *= 1 + 0.2 * rng.standard_normal(scene.shape, np.float32)
    scene += 0.035 * rng.standard_normal(scene.shape, np.float32)
    scene[:: int(rng.integers(2, 4))] *= 0.8
    scene *= vignette(n, rng.uniform(0.7, 1.0), *rng.uniform(0.42, 0.58, 2))
    tint = np.array([0.16, 1.0, 0.3], np.float32) * np.float32(rng.uniform(0.85, 1.1))
    dim = np.array([0.0, 0.035, 0.01], np.float32)
    return as_image(np.clip(scene, 0, 1)[..., None] * tint + dim)


UNSEEN_STYLES: dict[str, Style] = {"sketch": sketch, "night": night}
