"""Eight of the styles nano is trained on: ways to render the same parts.

A style takes posed parts (unit canvas), a palette, a generator and the side length in pixels, and
returns an RGB image. All of them draw larger and reduce, so that edges are smooth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from ldpf.demo.drawing.palette import Palette, Rgb, mix, pick, shade
from ldpf.demo.drawing.raster import (
    as_float,
    as_image,
    blur,
    mask,
    noise_field,
    paint,
    part_layer,
    two_tone,
    vignette,
)
from ldpf.demo.drawing.shapes import Part, moved

Style = Callable[[Sequence[Part], Palette, np.random.Generator, int], Image.Image]
BLACK: Rgb = (0, 0, 0)
WHITE: Rgb = (255, 255, 255)


def _plain_scene(palette: Palette, rng: np.random.Generator, n: int) -> Image.Image:
    """A flat background: one color, or with ground, a disc, stripes or dots."""
    image = Image.new("RGB", (n, n), palette["background"])
    draw = ImageDraw.Draw(image)
    kind = rng.random()
    ground = palette["ground"]
    if kind < 0.2:
        draw.rectangle((0, n * rng.uniform(0.62, 0.8), n, n), fill=ground)
    elif kind < 0.4:
        x, y, r = *rng.uniform(0.4, 0.6, 2), rng.uniform(0.36, 0.5)
        draw.ellipse(((x - r) * n, (y - r) * n, (x + r) * n, (y + r) * n), fill=ground)
    elif kind < 0.5:
        step = n / rng.integers(4, 9)
        for i in range(-10, 20, 2):
            x = i * step
            draw.polygon(
                [(x, 0), (x + step, 0), (x + step - n / 2, n), (x - n / 2, n)], fill=ground
            )
    elif kind < 0.6:
        step = n / rng.integers(4, 8)
        r = step * rng.uniform(0.12, 0.25)
        for i in range(9):
            for j in range(9):
                x, y = (i + 0.5 * (j % 2)) * step, j * step
                draw.ellipse((x - r, y - r, x + r, y + r), fill=ground)
    return image


def clipart(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """Flat areas of color on a plain background, now and then with a thin darker line."""
    n = size * 4
    image = _plain_scene(palette, rng, n)
    if rng.random() < 0.35:  # one hard shadow to the side
        dx, dy = rng.uniform(-0.03, 0.03), 0.025
        shadow = mix(palette["background"], BLACK, 0.25)
        paint(image, moved(parts, np.eye(2), np.array([dx, dy])), lambda part: shadow)
    line = mix(palette["dark"], palette["main"], 0.3) if rng.random() < 0.35 else None
    paint(image, parts, lambda part: palette[part.role], line, 0.009)
    return image.reduce(4)


def cartoon(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """Thick dark outlines, bright colors, rays or dots behind."""
    n = size * 4
    image = Image.new("RGB", (n, n), palette["background"])
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.4:
        x, y = rng.uniform(0.3, 0.7, 2) * n
        rays = int(rng.integers(7, 12))
        turn = rng.uniform(0, 360)
        for i in range(rays):
            a = np.radians(turn + i * 360 / rays + np.array([0, 180 / rays]))
            far = np.stack([x + 2 * n * np.cos(a), y + 2 * n * np.sin(a)], axis=1)
            draw.polygon([(x, y), *map(tuple, far)], fill=palette["ground"])
    elif rng.random() < 0.5:
        image = _plain_scene(palette, rng, n)
    ink = palette["black"]

    def vivid(part: Part) -> Rgb:
        color = palette[part.role]
        grey = sum(color) / 3
        return tuple(min(255, max(0, int(grey + 1.3 * (v - grey)))) for v in color)  # type: ignore[return-value]

    paint(image, parts, vivid, ink, rng.uniform(0.016, 0.026), least_width=0.02)
    return image.reduce(4)


def silhouette(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """One dark (sometimes light) shape before a gradient sky."""
    n = size * 4
    top, low = (
        palette["background"],
        shade(rng, pick(rng, ["orange", "pink", "yellow", "blue", "white"])),
    )
    ramp = np.repeat(np.linspace(0, 1, size, dtype=np.float32)[:, None], size, axis=1)
    image = as_image(two_tone(ramp, top, low)).resize((n, n), Image.Resampling.BILINEAR)
    if rng.random() < 0.4:  # a sun behind
        x, y, r = rng.uniform(0.25, 0.75), rng.uniform(0.2, 0.6), rng.uniform(0.15, 0.3)
        box = ((x - r) * n, (y - r) * n, (x + r) * n, (y + r) * n)
        ImageDraw.Draw(image).ellipse(box, fill=mix(low, (255, 255, 255), 0.5))
    ink = mix(palette["main"], BLACK, 0.75)
    if rng.random() < 0.25:
        ink, image = (246, 244, 240), as_image(as_float(image) * 0.45)
    inner = mix(ink, low, rng.uniform(0.12, 0.35))
    faint = {"light", "glass", "second"} if rng.random() < 0.6 else set()
    paint(image, parts, lambda part: inner if part.role in faint else ink)
    return image.reduce(4)


def photo(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """Like a photo: textured surroundings, light from one side, shadow, blur, sensor noise."""
    n = size
    wall = two_tone(
        noise_field(rng, n, int(rng.integers(2, 7)), 4), palette["background"], palette["ground"]
    )
    if rng.random() < 0.7:  # a floor or horizon
        y = int(n * rng.uniform(0.5, 0.8))
        tone = shade(rng, pick(rng, ["brown", "gray", "green", "cream", "steel"]))
        floor = two_tone(noise_field(rng, n, 6, 4), tone, mix(tone, BLACK, 0.4))
        edge = np.clip((np.arange(n) - y) / rng.uniform(0.5, 6) + 0.5, 0, 1)
        wall += edge.astype(np.float32)[:, None, None] * (floor - wall)
    for _ in range(int(rng.integers(0, 4))):  # things out of focus
        x, y, r = rng.uniform(0, 1, 3) * [n, n, n * 0.2]
        dot = Image.new("L", (n, n), 0)
        ImageDraw.Draw(dot).ellipse((x - r, y - r, x + r, y + r), fill=int(rng.uniform(60, 150)))
        glow = np.array(shade(rng, "cream"), np.float32) / 255 * np.float32(rng.uniform(0.3, 1))
        wall += as_float(blur(dot, n * 0.03))[..., None] * (glow - wall)
    wall = as_float(blur(as_image(wall), rng.uniform(0.2, 1.0)))

    inside = mask(parts, 4 * n).reduce(4)
    light = np.radians(rng.uniform(-150, -30))
    ahead = np.array([np.cos(light), np.sin(light)])  # towards the light
    dx, dy = np.round(-ahead * n * rng.uniform(0.02, 0.05)).astype(int).tolist()
    shadow = blur(ImageChops.offset(inside, dx, dy), n * 0.03)
    wall *= 1 - np.float32(rng.uniform(0.3, 0.5)) * as_float(shadow)[..., None]

    painted = Image.new("RGB", (4 * n, 4 * n), palette["main"])
    painted = paint(painted, parts, lambda part: palette[part.role]).reduce(4)
    # rounded shading: slope of the blurred silhouette and of each part's brightness
    bump = as_float(blur(inside, n * 0.045))
    bump += 0.3 * as_float(blur(painted.convert("L"), n * 0.012))
    down, right = np.gradient(bump)
    slope = (right * ahead[0] + down * ahead[1]).astype(np.float32) * (n * 0.1)
    texture = 0.88 + 0.24 * noise_field(rng, n, int(rng.integers(4, 12)), 3)
    gain = texture * (0.95 - 0.6 * np.clip(slope, -0.6, 0.6))
    body = as_float(painted) * gain[..., None]
    body += 0.35 * np.clip(-slope - 0.18, 0, 1)[..., None]  # gloss

    wall += as_float(inside)[..., None] * (body - wall)
    wall *= vignette(n, rng.uniform(0.1, 0.45), *rng.uniform(0.2, 0.8, 2))[..., None]
    wall *= 1 + rng.normal(0, 0.05, 3).astype(np.float32)  # color of the light
    scene = as_float(blur(as_image(wall), rng.uniform(0.2, 0.7)))
    grain = rng.standard_normal(scene.shape, np.float32) * np.float32(rng.uniform(0.01, 0.04))
    return as_image(scene + grain)


def watercolor(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """Pale, uneven washes with darker rims on bright paper."""
    n = size * 2
    paper = 0.93 + 0.07 * noise_field(rng, n, 32, 2)
    canvas = paper[..., None] * np.array([1.0, 0.99, 0.95], np.float32)
    wash = as_float(
        blur(Image.fromarray((noise_field(rng, n, 3, 2) > 0.4).astype(np.uint8) * 255), 6)
    )
    tint = np.array(palette["background"], np.float32) / 255
    canvas = canvas * (1 - 0.6 * wash[..., None] * (1 - tint))
    jitter = noise_field(rng, n, 8, 3)
    for part in parts:
        layer, at = part_layer(part, n, margin=8, least_width=0.02)
        uneven = jitter[at] - 0.5
        inside = np.clip((as_float(blur(layer, 1.0)) - 0.5 + 0.35 * uneven) * 3 + 0.5, 0, 1)
        rim = np.clip(inside - as_float(blur(as_image(inside), 2.5)), 0, 1)
        strength = np.clip(inside * (0.6 + 0.5 * uneven) + 0.5 * rim, 0, 1)[..., None]
        color = np.array(palette[part.role], np.float32) / 255
        cover = 0.75 * inside[..., None]
        under = canvas[at] * (1 - cover) + cover * paper[at][..., None]
        canvas[at] = under * (1 - strength * (1 - color))
    return as_image(canvas).reduce(2)


def pixel_art(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """A small grid of large square pixels with few colors."""
    cells = int(rng.integers(20, 30))
    image = _plain_scene(palette, rng, cells * 6)
    line = palette["black"] if rng.random() < 0.3 else None
    paint(image, parts, lambda part: palette[part.role], line, 0.02, least_width=0.03)
    small = (
        image.reduce(6).quantize(int(rng.integers(5, 11)), dither=Image.Dither.NONE).convert("RGB")
    )
    return small.resize((size, size), Image.Resampling.NEAREST)


def painting(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """Short oil strokes that follow the colors below them."""
    n = size * 2
    ramp = noise_field(rng, n, 3, 3)
    below = as_image(two_tone(ramp, palette["background"], palette["ground"]))
    paint(below, parts, lambda part: palette[part.role], least_width=0.02)
    source = np.asarray(below, dtype=np.int16)
    # no broad stroke near the outline: it would blur the shape away
    inside = mask(parts, n).reduce(4)
    edge = np.asarray(inside.filter(ImageFilter.MaxFilter(3)), np.int16) - np.asarray(
        inside.filter(ImageFilter.MinFilter(3)), np.int16
    )
    image = blur(below, 1.0)
    draw = ImageDraw.Draw(image)
    lean = rng.uniform(0, np.pi)
    for count, length, width in ((300, 0.1, 5), (400, 0.05, 2)):
        xy = rng.integers(0, n, (count, 2))
        angle = lean + rng.normal(0, 0.5, count)
        tone = rng.normal(0, 14, (count, 1)) + rng.normal(0, 6, (count, 3))
        half = rng.uniform(0.5, 1.0, (count, 1)) * length * n / 2
        reach = half * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        lines = np.concatenate([xy - reach, xy + reach], axis=1)
        colors = np.clip(source[xy[:, 1], xy[:, 0]] + tone, 0, 255).astype(int)
        if width > 2:
            keep = edge[xy[:, 1] // 4, xy[:, 0] // 4] < 40
            lines, colors = lines[keep], colors[keep]
        for line, color in zip(lines.tolist(), colors.tolist(), strict=True):
            draw.line(line, fill=tuple(color), width=width)
    return Image.blend(image, below, 0.25).reduce(2)


def papercut(
    parts: Sequence[Part], palette: Palette, rng: np.random.Generator, size: int
) -> Image.Image:
    """Layers of paper, each with its own soft shadow."""
    n = size * 2
    fibre = 0.92 + 0.1 * noise_field(rng, n, 40, 2)
    canvas = fibre[..., None] * np.array(palette["background"], np.float32) / 255
    reach = rng.uniform(0.012, 0.028) * n
    for part in parts:
        layer, at = part_layer(part, n, margin=int(3 * reach) + 2, least_width=0.03)
        cast = ImageChops.offset(blur(layer, reach * 0.7), round(reach), round(reach))
        below = canvas[at] * (1 - 0.4 * as_float(cast))[..., None]
        weight = as_float(layer)[..., None]
        color = np.array(palette[part.role], np.float32) / 255
        canvas[at] = below * (1 - weight) + weight * fibre[at][..., None] * color
    return as_image(canvas).reduce(2)


PICTURE_STYLES: dict[str, Style] = {
    "clipart": clipart,
    "photo": photo,
    "cartoon": cartoon,
    "silhouette": silhouette,
    "watercolor": watercolor,
    "pixel_art": pixel_art,
    "painting": painting,
    "papercut": papercut,
}
