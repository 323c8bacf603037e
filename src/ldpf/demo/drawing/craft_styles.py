"""More styles nano is trained on: crafts and prints, in which shape and color part company.

They keep to what `styles` promises: posed parts, a palette, a generator and a side length in; an
RGB image out. None of them draws grey lines on white paper or a green picture: those are the looks
of the two styles that nano must not know.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from ldpf.demo.drawing.palette import Palette, Rgb, contrast, mix, pick, shade
from ldpf.demo.drawing.raster import (
    as_float,
    as_image,
    blur,
    mask,
    noise_field,
    paint,
    paint_part,
    part_layer,
)
from ldpf.demo.drawing.shapes import Part
from ldpf.demo.drawing.styles import BLACK, WHITE, Style

INKS = ("red", "orange", "blue", "purple", "pink", "brown")


def stained_glass(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """Glowing panes of uneven color, joined by broad dark lead lines."""
    n = size * 2
    image = Image.new("RGB", (n, n), palette["background"])
    draw = ImageDraw.Draw(image)
    x, y = rng.uniform(0.2, 0.8, 2) * n
    ends = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(5, 10))))
    rim = np.stack([x + 2 * n * np.cos(ends), y + 2 * n * np.sin(ends)], axis=1)
    for a, b in zip(rim, np.roll(rim, -1, axis=0), strict=True):
        pane = mix(palette["background"], shade(rng, pick(rng, INKS)), rng.uniform(0.1, 0.5))
        draw.polygon([(x, y), tuple(a), tuple(b)], fill=pane)
    lead = mix(palette["black"], BLACK, 0.4)
    for end in rim:
        draw.line([(x, y), tuple(end)], fill=lead, width=max(2, round(0.014 * n)))
    paint(image, parts, lambda part: palette[part.role], lead, rng.uniform(0.02, 0.034), 0.03)
    light = 0.75 + 0.5 * noise_field(rng, n, int(rng.integers(3, 8)), 3)
    return as_image(as_float(image) * light[..., None]).reduce(2)


def mosaic(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """Small square stones, none quite straight, with grout between them."""
    cells, n = int(rng.integers(20, 28)), size * 2
    below = Image.new("RGB", (cells * 6, cells * 6), palette["background"])
    paint(below, parts, lambda part: palette[part.role], least_width=0.03)
    stones = np.asarray(below.reduce(6), np.float32).reshape(-1, 3)
    stones = stones + rng.normal(0, 10, (len(stones), 1)) + rng.normal(0, 5, stones.shape)
    colors = np.clip(stones, 0, 255).astype(int)
    grout = mix(palette["gray"], palette["background"], rng.uniform(0, 0.6))
    image = Image.new("RGB", (n, n), grout)
    draw = ImageDraw.Draw(image)
    step = n / cells
    rows, columns = np.divmod(np.arange(cells**2), cells)
    middle = (np.stack([columns, rows], axis=1) + 0.5 + rng.normal(0, 0.06, (cells**2, 2))) * step
    angle = rng.normal(0, 0.15, (cells**2, 1)) + np.pi / 4 + np.arange(4) * np.pi / 2
    reach = step * rng.uniform(0.56, 0.64, (cells**2, 1))
    corners = np.stack([reach * np.cos(angle), reach * np.sin(angle)], axis=2) + middle[:, None]
    for corner, color in zip(corners.reshape(-1, 8).tolist(), colors.tolist(), strict=True):
        draw.polygon(corner, fill=tuple(color))
    return image.reduce(2)


def embroidery(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """Thread in parallel stitches, each part in a direction of its own, on woven cloth."""
    n = size * 2
    down, right = np.mgrid[:n, :n].astype(np.float32)
    weave = 0.9 + 0.06 * np.sin(right * np.pi / 2) * np.sin(down * np.pi / 2)
    canvas = weave[..., None] * np.array(palette["background"], np.float32) / 255
    pitch = rng.uniform(3.5, 6.0)
    for part in parts:
        layer, at = part_layer(part, n, margin=3, least_width=0.035)
        lean = rng.uniform(0, np.pi)
        along = right[at] * np.float32(np.cos(lean)) + down[at] * np.float32(np.sin(lean))
        thread = 0.82 + 0.26 * np.sin(along * np.float32(2 * np.pi / pitch))
        inside = as_float(layer)[..., None]
        rim = as_float(blur(layer, 2.5))[..., None] * 0.3
        color = np.array(palette[part.role], np.float32) / 255
        canvas[at] *= 1 - rim
        canvas[at] += inside * (thread[..., None] * color - canvas[at])
    return as_image(canvas).reduce(2)


def pastel(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """Dry chalk rubbed over rough tinted paper, which shows through the color."""
    n = size
    paper = mix(palette["background"], BLACK, rng.uniform(0.0, 0.6))
    tooth = 0.6 * noise_field(rng, n, 40, 1) + 0.4 * noise_field(rng, n, 12, 2)
    canvas = (0.92 + 0.12 * tooth)[..., None] * np.array(paper, np.float32) / 255
    painted = Image.new("RGB", (4 * n, 4 * n), paper)
    painted = paint(painted, parts, lambda part: mix(palette[part.role], WHITE, 0.12))
    inside = as_float(blur(mask(parts, 4 * n).reduce(4), rng.uniform(0.3, 0.8)))
    cover = np.clip((inside * rng.uniform(1.2, 1.6) - tooth * 0.8) * 2.5, 0, 1)
    return as_image(canvas + cover[..., None] * (as_float(painted.reduce(4)) - canvas))


def screenprint(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """Two inks on tinted paper: one flat and out of register, one broken into a grid of dots."""
    n = size * 4
    paper = mix(shade(rng, pick(rng, ("yellow", "pink", "orange", "blue", "cream"))), WHITE, 0.3)
    first, second = shade(rng, pick(rng, INKS)), mix(shade(rng, pick(rng, INKS)), BLACK, 0.5)
    while contrast(first, paper) < 0.25:
        first = shade(rng, pick(rng, INKS))
    tones = Image.new("L", (n, n), 255)
    draw = ImageDraw.Draw(tones)
    brightness = {r: int(0.3 * c[0] + 0.5 * c[1] + 0.2 * c[2]) for r, c in palette.paints.items()}
    for part in parts:
        paint_part(draw, part, brightness[part.role], n, 10, 0.012, 0.02)
    flat = ImageChops.offset(mask(parts, n), *rng.integers(-8, 9, 2).tolist())
    image = Image.composite(Image.new("RGB", (n, n), first), Image.new("RGB", (n, n), paper), flat)
    down, right = np.mgrid[:n, :n].astype(np.float32) * np.float32(2 * np.pi / rng.uniform(10, 16))
    dots = 0.5 + 0.25 * (np.sin(right + down * 0.5) + np.sin(down - right * 0.5))
    ink = Image.fromarray(((as_float(tones) < 0.75 * dots) * 255).astype(np.uint8))
    image.paste(second, (0, 0), ink)
    return image.reduce(4)


def neon(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """Colored glass tubes along the outlines, glowing before a dark wall."""
    n = size * 2
    wall = mix(shade(rng, pick(rng, ("brown", "blue", "purple", "black"))), BLACK, 0.65)
    image = Image.new("RGB", (n, n), wall)
    if rng.random() < 0.5:  # bricks
        draw, mortar = ImageDraw.Draw(image), mix(wall, WHITE, 0.12)
        step = n / int(rng.integers(7, 12))
        for i in range(12):
            draw.line([(0, i * step), (n, i * step)], fill=mortar, width=2)
            for j in range(7):
                x = (2 * j + i % 2) * step
                draw.line([(x, i * step), (x, (i + 1) * step)], fill=mortar, width=2)
    first, second = (mix(shade(rng, pick(rng, INKS)), WHITE, 0.2) for _ in range(2))
    tube = rng.uniform(0.02, 0.032)
    tubes = Image.new("RGB", (n, n), BLACK)
    draw = ImageDraw.Draw(tubes)
    for part in parts:
        color = first if part.role in ("main", "dark", "brown") else second
        if part.width == 0:
            paint_part(draw, part, BLACK, n)  # a nearer part hides the tubes behind it
            paint_part(draw, Part(part.points, part.role, tube), color, n)
        else:
            paint_part(draw, part, color, n, least_width=tube)
    light = as_float(tubes) + 1.2 * as_float(blur(tubes, n * 0.03))
    return as_image(as_float(image) + light).reduce(2)


def clay(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """Lumps of plasticine: every part round, lit from above, with a soft shadow on a plain wall."""
    n = size * 2
    ramp = np.linspace(1.0, rng.uniform(0.75, 0.95), n, dtype=np.float32)[:, None, None]
    canvas = np.array(palette["background"], np.float32) / 255 * ramp
    canvas = np.repeat(canvas, n, axis=1)
    side = np.float32(rng.uniform(-1, 1))
    for part in parts:
        layer, at = part_layer(part, n, margin=6, least_width=0.045)
        body = as_float(blur(layer, 1.2))
        height = as_float(blur(layer, 3.0)) + 0.5 * as_float(blur(layer, 1.5))
        down, right = np.gradient(height) if min(height.shape) > 1 else (0 * height, 0 * height)
        gain = np.clip(0.95 + 2.2 * (down + side * right), 0.35, 1.5)[..., None]
        cast = as_float(ImageChops.offset(blur(layer, 2.5), 0, 3))[..., None]
        color = np.array(palette[part.role], np.float32) / 255
        below = canvas[at] * (1 - 0.4 * cast)
        canvas[at] = below + np.clip(1.4 * body - 0.2, 0, 1)[..., None] * (gain * color - below)
    canvas *= (0.94 + 0.1 * noise_field(rng, n, 20, 2))[..., None]
    return as_image(canvas).reduce(2)


def patchwork(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """Pieces of printed cloth, each with stripes, dots or checks, and a seam around it."""
    n = size * 2
    down, right = np.mgrid[:n, :n].astype(np.float32) / n

    def cloth(a: Rgb, b: Rgb, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        repeat = np.float32(2 * np.pi * rng.uniform(6, 16))
        lean = rng.uniform(0, np.pi)
        u = np.sin(repeat * (np.float32(np.cos(lean)) * columns + np.float32(np.sin(lean)) * rows))
        v = np.sin(repeat * (np.float32(np.cos(lean)) * rows - np.float32(np.sin(lean)) * columns))
        kind = rng.random()
        on = u > 0.2 if kind < 0.35 else (u * v > 0 if kind < 0.6 else u * v > 0.45)
        if rng.random() < 0.25:
            on = np.zeros_like(on)
        colors = np.array([a, b], np.float32) / 255
        return colors[on.astype(int)]

    def printed(color: Rgb) -> tuple[Rgb, Rgb]:
        return color, mix(color, pick(rng, (WHITE, BLACK, palette["second"])), 0.4)

    canvas = cloth(*printed(palette["background"]), down, right)
    for part in parts:
        layer, at = part_layer(part, n, margin=4, least_width=0.035)
        seam = np.clip(as_float(blur(layer, 2.0)) * 2, 0, 1)[..., None] * 0.45
        inside = as_float(layer)[..., None]
        piece = cloth(*printed(palette[part.role]), down[at], right[at])
        below = canvas[at] * (1 - seam)
        canvas[at] = below + inside * (piece - below)
    return as_image(canvas).reduce(2)


def linocut(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """A print from a carved block: solid ink, with the edges of parts and some grooves left out."""
    n = size * 4
    paper = mix(shade(rng, pick(rng, ("cream", "yellow", "orange", "pink"))), WHITE, 0.15)
    ink = mix(shade(rng, pick(rng, (*INKS, "black"))), BLACK, rng.uniform(0.3, 0.7))
    inverse = rng.random() < 0.4  # a light object in a block that prints its surroundings
    image = Image.new("RGB", (n, n), ink if inverse else paper)
    draw = ImageDraw.Draw(image)
    groove = rng.uniform(0.016, 0.026)
    light = {"light", "glass", "cream", "white", "yellow", "steel"}
    if rng.random() < 0.5:
        light.add("second")
    if inverse and rng.random() < 0.5:
        light.add("main")
    for part in parts:
        fill, edge = (paper, ink) if part.role in light else (ink, paper)
        paint_part(draw, part, fill, n, edge, groove, 0.03)
    if rng.random() < 0.6:  # strokes of the gouge around the block's rim
        for _ in range(int(rng.integers(10, 30))):
            angle = rng.uniform(0, 2 * np.pi)
            way = np.array([np.cos(angle), np.sin(angle)])
            start = 0.5 + way * rng.uniform(0.45, 0.6)
            end = start + way * rng.uniform(0.05, 0.15)
            line = (np.concatenate([start, end]) * n).tolist()
            draw.line(line, fill=paper if inverse else ink, width=max(2, round(0.012 * n)))
    worn = noise_field(rng, size, 32, 1) > 0.9
    printed = as_float(image.reduce(4))
    printed[worn] += 0.25 * (np.array(paper, np.float32) / 255 - printed[worn])
    return as_image(printed)


CRAFT_STYLES: dict[str, Style] = {
    "stained_glass": stained_glass,
    "mosaic": mosaic,
    "embroidery": embroidery,
    "pastel": pastel,
    "screenprint": screenprint,
    "neon": neon,
    "clay": clay,
    "patchwork": patchwork,
    "linocut": linocut,
}
