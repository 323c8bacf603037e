"""The styles nano never sees in training, kept for the demo's new domains: sketch and night."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from ldpf.data.drawing.palette import Palette
from ldpf.data.drawing.raster import (
    as_float,
    as_image,
    blur,
    mask,
    noise_field,
    paint,
    paint_part,
    vignette,
)
from ldpf.data.drawing.shapes import Part
from ldpf.data.drawing.styles import Style


def _shaky(rng: np.random.Generator, points: np.ndarray, amount: float) -> np.ndarray:
    """The points as an unsteady hand would set them: a slow drift plus a little jitter."""
    n = len(points)
    drift = np.cumsum(rng.normal(0, 1, (n, 2)), axis=0)
    drift -= np.linspace(0, 1, n)[:, None] * drift[-1]  # a closed line ends where it began
    return points + amount * (0.35 * drift / max(1.0, np.sqrt(n) / 2) + rng.normal(0, 0.4, (n, 2)))


def sketch(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """Pencil lines on paper: no areas of colour, some hatching, lines drawn twice and not exact."""
    n = size * 4
    paper = int(rng.uniform(232, 252))
    image = Image.new("L", (n, n), paper)
    draw = ImageDraw.Draw(image)
    pencil = int(rng.uniform(30, 90))
    width = rng.uniform(0.012, 0.02)
    hatch_angle = np.radians(rng.uniform(20, 70))
    hatched = (
        {"main", "second", "dark", "brown", "black"} if rng.random() < 0.5 else {"dark", "black"}
    )
    for part in parts:
        outline = part.points
        if part.width > 0:
            band = max(part.width, 0.8 * width)
            hollow = band > 2.6 * width  # a broad stroke shows as its two rims
            rim = band + width if hollow else 0.9 * band
            paint_part(draw, replace(part, width=band + 2.5 * width), paper, n)
            for _ in range(1 if hollow else 2):
                shaky = replace(part, points=_shaky(rng, outline, 0.006), width=rim)
                tone = int(np.clip(pencil + rng.normal(0, 20), 0, 160))
                paint_part(draw, shaky, tone, n)
            if hollow:
                paint_part(draw, replace(shaky, width=band - width), paper, n)
            continue
        paint_part(draw, part, paper, n)  # a nearer part hides the lines behind it
        if part.role in hatched:
            _hatch(image, part, rng, hatch_angle, pencil, n)
        for _ in range(2):
            points = [tuple(p) for p in _shaky(rng, outline, 0.007) * n]
            tone = int(np.clip(pencil + rng.normal(0, 20), 0, 160))
            draw.line(
                [*points, points[0]], fill=tone, width=max(2, round(width * n)), joint="curve"
            )
    grain = as_float(image.reduce(4))
    grain += rng.normal(0, 0.025, grain.shape) * (1.2 - grain) * 3
    grain *= 0.96 + 0.04 * noise_field(rng, size, 16, 2)
    warm = np.array([1.0, 0.99, 0.96]) if rng.random() < 0.5 else np.ones(3)
    return as_image(grain[..., None] * warm)


def _hatch(
    image: Image.Image, part: Part, rng: np.random.Generator, angle: float, pencil: int, n: int
) -> None:
    """Fill a part with slanted parallel lines."""
    inside = mask([part], n)
    lines = Image.new("L", (n, n), 0)
    draw = ImageDraw.Draw(lines)
    along = np.array([np.cos(angle), -np.sin(angle)])
    across = np.array([-along[1], along[0]])
    for offset in np.arange(-0.8, 0.8, rng.uniform(0.045, 0.07)):
        middle = 0.5 + across * (offset + rng.normal(0, 0.004))
        a, b = (middle - along) * n, (middle + along) * n
        draw.line((*a, *b), fill=int(rng.uniform(90, 170)), width=max(2, round(0.009 * n)))
    lines = ImageChops.multiply(lines, inside)
    image.paste(pencil + 30, (0, 0), lines)


def night(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """A night-vision device: green phosphor, grain, scan lines, a dark rim, glowing lights."""
    n = size * 2
    scene = 0.08 + 0.2 * noise_field(rng, n, int(rng.integers(3, 8)), 4)
    if rng.random() < 0.6:
        horizon = int(n * rng.uniform(0.55, 0.8))
        scene[horizon:] += 0.1 * noise_field(rng, n, 10, 3)[horizon:]
    painted = Image.new("RGB", (n, n), (0, 0, 0))
    paint(painted, parts, lambda part: palette[part.role], least_width=0.02)
    inside = as_float(blur(mask(parts, n), 0.8))
    # infrared brightness has little to do with colour: one random gain per paint
    tone = as_float(painted) @ rng.dirichlet([2.0, 2.0, 2.0]).astype(np.float32)
    glow = rng.uniform(0.15, 0.3) + 0.75 * tone
    if rng.random() < 0.25:  # colder than what is around it
        scene, glow = scene + 0.3, 0.03 + 0.4 * tone
    scene = scene * (1 - inside) + glow * inside
    scene = scene + 0.35 * as_float(blur(as_image(scene), n * 0.04)) ** 2
    small = as_float(blur(as_image(scene), 1.2).reduce(2))
    small = small * rng.gamma(24, 1 / 24, small.shape) + rng.normal(0, 0.035, small.shape)
    small[:: int(rng.integers(2, 4))] *= 0.8
    small = small * vignette(size, rng.uniform(0.7, 1.0), *rng.uniform(0.42, 0.58, 2))
    tint = np.array([0.16, 1.0, 0.3]) * rng.uniform(0.85, 1.1)
    return as_image(np.clip(small, 0, 1)[..., None] * tint + np.array([0.0, 0.035, 0.01]))


UNSEEN_STYLES: dict[str, Style] = {"sketch": sketch, "night": night}
