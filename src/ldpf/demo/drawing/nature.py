"""Drawn objects: plants, and simple shapes seen outdoors.

Every function takes a generator and returns the parts back to front in object space.
"""

from __future__ import annotations

import numpy as np

from ldpf.demo.drawing.shapes import (
    Part,
    blob,
    curve,
    ellipse,
    fill,
    flip,
    join,
    poly,
    rect,
    rounded,
    stroke,
    turn,
)


def tree(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w = u(0.09, 0.15)
    parts = [fill(poly((-w * 0.7, 0), (w * 0.7, 0), (w * 1.2, 0.95), (-w * 1.2, 0.95)), "brown")]
    kind = rng.random()
    if kind < 0.4:  # conifer
        layers, bottom = int(rng.integers(2, 5)), u(0.4, 0.6)
        heights = np.linspace(bottom, -0.95, layers + 1)
        for i in range(layers):
            half = u(0.5, 0.62) * (1 - 0.55 * i / layers)
            tip = heights[i + 1] - (0.12 if i < layers - 1 else 0)
            parts.append(fill(poly((-half, heights[i]), (0, tip), (half, heights[i]))))
    elif kind < 0.75:  # one crown
        crown = blob(
            rng, 0, u(-0.4, -0.3), u(0.55, 0.7), u(0.5, 0.6), int(rng.integers(7, 11)), 0.25
        )
        parts.append(fill(crown))
    else:  # several leafy balls
        for x, y in ((-0.36, -0.1), (0.36, -0.1), (0, -0.5), (0, -0.05)):
            parts.append(fill(ellipse(x + u(-0.08, 0.08), y + u(-0.08, 0.08), u(0.3, 0.4))))
    if rng.random() < 0.35:
        for _ in range(int(rng.integers(3, 7))):
            parts.append(fill(ellipse(u(-0.35, 0.35), u(-0.6, 0.1), 0.07), "red"))
    return parts


def flower(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    cy, sway = u(-0.45, -0.35), u(-0.12, 0.12)
    parts = [stroke(curve((0, cy), (sway, 0.2), (-sway, 0.5), (0, 0.95)), u(0.06, 0.1), "green")]
    for side in (-1, 1):
        if rng.random() < 0.75:
            y = u(0.35, 0.7)
            leaf = join(
                curve((0, y), (0.2, y - 0.3), (0.5, y - 0.28)),
                curve((0.5, y - 0.28), (0.35, y), (0, y)),
            )
            parts.append(fill(leaf if side > 0 else flip(leaf), "green"))
    if rng.random() < 0.25:  # tulip
        cup = poly((-0.34, -0.75), (-0.16, -0.5), (0, -0.85), (0.16, -0.5), (0.34, -0.75))
        low = curve((0.34, -0.75), (0.4, -0.05), (-0.4, -0.05), (-0.34, -0.75))
        return [*parts, fill(join(cup, low))]
    n, reach = int(rng.integers(5, 10)), u(0.46, 0.55)
    long, wide = reach * u(0.5, 0.6), min(0.24, reach * 2.6 / n * u(0.55, 0.75))
    start = u(0, 360)
    for i in range(n):
        petal = ellipse(reach - long * 0.85, 0, long, wide)
        parts.append(fill(turn(petal, start + i * 360 / n) + np.array([0, cy])))
    role = "yellow" if rng.random() < 0.5 else "second"
    parts.append(fill(ellipse(0, cy, u(0.14, 0.2)), role))
    return parts


def mushroom(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    rim, top, w = u(-0.05, 0.15), u(-0.85, -0.65), u(0.7, 0.92)
    thin, foot = u(0.16, 0.26), u(0.22, 0.36)
    right = curve((thin, rim - 0.05), (thin * 0.9, 0.5), (foot, 0.6), (foot, 0.85))
    parts = [fill(join(right, curve((foot, 0.85), (0, 0.98), (-foot, 0.85)), flip(right)), "cream")]
    arch = curve((-w, rim), (-w, top - 0.25), (w, top - 0.25), (w, rim), n=24)
    parts.append(fill(join(arch, curve((w, rim), (0, rim + u(0.05, 0.28)), (-w, rim)))))
    if rng.random() < 0.75:
        spots = ((-0.42, 0.3), (0.05, 0.55), (0.45, 0.28), (0.0, 0.15), (-0.15, 0.75))
        for x, share in spots[: int(rng.integers(3, 6))]:
            y = rim + (top - rim) * share
            parts.append(fill(ellipse(x * w + u(-0.05, 0.05), y, u(0.07, 0.13), 0.09), "light"))
    return parts


def cactus(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w = u(0.34, 0.46)
    parts = []
    for side in (-1, 1):
        if side < 0 or rng.random() < 0.8:
            y, out, up = u(-0.05, 0.3), u(0.48, 0.6), u(0.4, 0.6)
            arm = curve((0, y), (out, y + 0.02), (out, y - 0.05), (out, y - up))
            parts.append(stroke(arm * [side, 1], w * 0.62, "main"))
    pot = rng.random() < 0.4
    parts.append(stroke(poly((0, -0.7), (0, 0.55 if pot else 0.8)), w, "main"))
    for x in (-0.25, 0.25):
        parts.append(
            stroke(
                poly((x * w, -0.65), (x * w, 0.5)), 0.03, "dark" if rng.random() < 0.5 else "light"
            )
        )
    if pot:
        parts.append(fill(poly((-0.42, 0.45), (0.42, 0.45), (0.3, 0.98), (-0.3, 0.98)), "second"))
    if rng.random() < 0.4:
        parts.append(fill(blob(rng, 0, -0.92, 0.14, 0.14, 5, 0.5), "pink"))
    return parts


def leaf(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w = u(0.75, 1.15)
    side = curve((0, 0.6), (w, 0.45), (w * 0.75, -0.4), (0, -0.95), n=16)
    if rng.random() < 0.4:  # a notched edge
        side = side * np.where(np.arange(16) % 2, 0.86, 1.04)[:, None] ** [1, 0]
    parts = [stroke(curve((0, 0.5), (0, 0.8), (u(-0.15, 0.15), 1.0)), 0.08, "brown")]
    parts.append(fill(join(side, flip(side))))
    vein = "light" if rng.random() < 0.5 else "dark"
    parts.append(stroke(poly((0, 0.6), (0, -0.75)), 0.04, vein))
    for y in np.linspace(0.35, -0.4, int(rng.integers(3, 5))):
        for s in (-1, 1):
            parts.append(stroke(poly((0, y), (s * 0.32 * w, y - 0.22)), 0.03, vein))
    return parts


def apple(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w = u(0.66, 0.78)
    right = curve((0, -0.42), (w * 0.5, -0.75), (w * 1.5, -0.4), (w * 0.95, 0.45), n=14)
    bottom = curve((w * 0.95, 0.45), (w * 0.6, 1.05), (w * 0.25, 0.9), (0, 0.84), n=10)
    half = join(right, bottom)
    parts = [fill(join(half, flip(half)))]
    parts.append(stroke(curve((0, -0.4), (0, -0.65), (u(0.05, 0.2), -0.9)), 0.08, "brown"))
    if rng.random() < 0.75:
        blade = join(
            curve((0.04, -0.62), (0.3, -1.0), (0.62, -0.86)),
            curve((0.62, -0.86), (0.45, -0.55), (0.04, -0.62)),
        )
        parts.append(fill(blade, "green"))
    if rng.random() < 0.5:
        parts.append(fill(turn(ellipse(-0.36, -0.1, 0.09, 0.2), 20, -0.36, -0.1), "light"))
    return parts


def snowman(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    low, mid, top = u(0.4, 0.46), u(0.28, 0.34), u(0.2, 0.26)
    y1 = 0.95 - low
    y2 = y1 - low * 0.75 - mid * 0.75
    y3 = y2 - mid * 0.75 - top * 0.75
    parts = []
    for s in (-1, 1):
        hand = (s * u(0.7, 0.85), y2 - u(0.0, 0.25))
        parts.append(stroke(poly((s * mid * 0.8, y2), hand), 0.05, "brown"))
    parts += [fill(ellipse(0, y, r), "light") for y, r in ((y1, low), (y2, mid), (y3, top))]
    if rng.random() < 0.7:
        parts.append(
            stroke(poly((-top * 0.9, y3 + top * 0.8), (top * 0.9, y3 + top * 0.8)), 0.1, "main")
        )
        parts.append(
            stroke(poly((top * 0.6, y3 + top * 0.8), (top * 0.8, y3 + top + 0.25)), 0.1, "main")
        )
    for i in range(int(rng.integers(2, 4))):
        parts.append(fill(ellipse(0, y2 - 0.1 + i * 0.17, 0.045), "black"))
    for s in (-1, 1):
        parts.append(fill(ellipse(s * 0.08, y3 - 0.05, 0.035), "black"))
    parts.append(fill(poly((0, y3), (0.26, y3 + 0.07), (0, y3 + 0.09)), "orange"))
    if rng.random() < 0.7:
        brim = y3 - top * 0.75
        parts.append(fill(rect(-top * 0.7, brim - u(0.18, 0.28), top * 0.7, brim), "main"))
        parts.append(stroke(poly((-top * 1.2, brim), (top * 1.2, brim)), 0.06, "main"))
    return parts


def star(rng: np.random.Generator) -> list[Part]:
    n = 5 if rng.random() < 0.75 else int(rng.integers(6, 9))
    inner = rng.uniform(0.38, 0.5) if n == 5 else rng.uniform(0.5, 0.62)
    radius = np.where(np.arange(2 * n) % 2, inner, 1.0)[:, None] * 0.95
    angle = np.arange(2 * n) * np.pi / n - np.pi / 2
    points = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    parts = [fill(points)]
    if rng.random() < 0.35:
        parts.append(fill(points * 0.6, "second"))
    return parts


def heart(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    side = curve((0, -0.45), (0.2, -u(1.0, 1.25)), (u(1.1, 1.35), -0.85), (0.75, -0.05), n=16)
    half = join(side, curve((0.75, -0.05), (0.5, 0.35), (0, u(0.8, 0.95)), n=8))
    outline = join(half, flip(half))
    parts = [fill(outline)]
    if rng.random() < 0.3:
        parts.append(fill(outline * 0.62, "second"))
    elif rng.random() < 0.5:
        parts.append(fill(turn(ellipse(-0.42, -0.42, 0.16, 0.09), -35, -0.42, -0.42), "light"))
    if rng.random() < 0.2:
        parts.append(stroke(poly((-0.95, 0.5), (0.95, -0.5)), 0.06, "dark"))
    return parts


def pumpkin(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w, h = u(0.4, 0.5), u(0.52, 0.62)
    parts = [fill(rounded(-0.1, -0.72, 0.1 + u(0, 0.08), -0.2, 0.05), "green")]
    for x in (-0.48, 0.48, -0.24, 0.24, 0.0):
        parts.append(fill(ellipse(x, 0.15, w, h)))
    for x in (-0.3, 0.3):
        parts.append(stroke(curve((x * 0.6, -0.4), (x * 1.5, 0.15), (x * 0.6, 0.7)), 0.04, "brown"))
    if rng.random() < 0.45:  # carved face
        for s in (-1, 1):
            parts.append(fill(poly((s * 0.15, 0.05), (s * 0.45, 0.05), (s * 0.3, -0.2)), "black"))
        parts.append(
            fill(
                poly(
                    (-0.5, 0.25),
                    (-0.2, 0.33),
                    (0, 0.25),
                    (0.2, 0.33),
                    (0.5, 0.25),
                    (0.25, 0.55),
                    (-0.25, 0.55),
                ),
                "black",
            )
        )
    return parts
