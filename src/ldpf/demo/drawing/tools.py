"""Drawn objects: tools, arms and instruments.

Every function takes a generator and returns the parts back to front in object space.
"""

from __future__ import annotations

import numpy as np

from ldpf.demo.drawing.shapes import (
    Part,
    curve,
    ellipse,
    fill,
    flip,
    join,
    poly,
    rect,
    stroke,
    turn,
)


def ladder(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    foot, head, thick = u(0.34, 0.48), u(0.24, 0.34), u(0.08, 0.13)
    parts = []
    for y in np.linspace(-0.72, 0.72, int(rng.integers(5, 8))):
        half = head + (foot - head) * (float(y) + 0.95) / 1.9
        parts.append(stroke(poly((-half, float(y)), (half, float(y))), thick * 0.85, "main"))
    for side in (-1, 1):
        parts.append(stroke(poly((side * head, -0.95), (side * foot, 0.95)), thick, "main"))
    return parts


def scissors(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    gape, r = u(12, 26), u(0.2, 0.28)
    parts = []
    for side in (-1, 1):
        blade = poly((-0.09, 0.1), (0.0, -0.98), (0.1, 0.1))
        arm = poly((0.0, 0.05), (-0.12, 0.5))
        ring = ellipse(-0.2, 0.66, r, r * 1.15)
        for points, width in ((arm, 0.14), (ring, 0.11)):
            tilted = turn(points, -gape)
            shown = tilted if side > 0 else flip(tilted)
            parts.append(stroke(shown, width, "main", closed=width == 0.11))
        tilted = turn(blade, gape)
        parts.append(fill(tilted if side < 0 else flip(tilted), "steel"))
    parts.append(fill(ellipse(0, 0.02, 0.06), "dark"))
    return parts


def sword(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w, guard, hilt = u(0.09, 0.15), u(0.28, 0.42), u(0.4, 0.5)
    blade = poly((-w, hilt), (-w, -0.75), (0, -0.99), (w, -0.75), (w, hilt))
    parts = [fill(blade, "steel" if rng.random() < 0.6 else "main")]
    if rng.random() < 0.7:
        parts.append(stroke(poly((0, -0.7), (0, hilt)), 0.035, "gray"))
    parts.append(stroke(poly((0, hilt), (0, 0.86)), 0.14, "brown"))
    droop = u(-0.08, 0.08)
    bar = curve((-guard, hilt + droop), (0, hilt - droop), (guard, hilt + droop))
    parts.append(stroke(bar, 0.12, "main"))
    parts.append(fill(ellipse(0, 0.9, 0.1), "main"))
    return parts


def anchor(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    thick, reach = u(0.13, 0.18), u(0.66, 0.8)
    parts = [stroke(ellipse(0, -0.78, 0.15), thick * 0.7, "main", closed=True)]
    parts.append(stroke(poly((0, -0.62), (0, 0.85)), thick, "main"))
    parts.append(stroke(poly((-0.34, -0.4), (0.34, -0.4)), thick * 0.9, "main"))
    arms = curve((-reach, 0.2), (-reach * 0.8, 1.05), (reach * 0.8, 1.05), (reach, 0.2), n=20)
    parts.append(stroke(arms, thick, "main"))
    for side in (-1, 1):
        x = side * reach
        barb = poly((x - side * 0.26, 0.3), (x + side * 0.04, -0.06), (x + side * 0.16, 0.38))
        parts.append(fill(barb))
    return parts


def bell(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    top, rim, w = u(-0.75, -0.6), u(0.45, 0.58), u(0.62, 0.78)
    parts = [stroke(ellipse(0, top - 0.08, 0.12), 0.08, "dark", closed=True)]
    parts.append(fill(ellipse(0, rim + 0.2, 0.15), "dark"))
    right = curve((0, top), (w * 0.75, top), (w * 0.35, rim - 0.25), (w, rim), n=18)
    parts.append(fill(join(right, poly((w, rim + 0.12)), flip(join(right, poly((w, rim + 0.12)))))))
    if rng.random() < 0.7:
        parts.append(stroke(poly((-w * 0.72, rim - 0.16), (w * 0.72, rim - 0.16)), 0.07, "second"))
    if rng.random() < 0.5:
        parts.append(stroke(curve((-0.2, top + 0.25), (-0.3, 0.0), (-0.38, 0.2)), 0.06, "light"))
    return parts


def candle(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w, top = u(0.16, 0.24), u(-0.4, -0.2)
    parts = [fill(ellipse(0, 0.82, u(0.5, 0.62), 0.14), "second")]
    if rng.random() < 0.5:
        parts.append(stroke(ellipse(0.58, 0.72, 0.15), 0.07, "second", closed=True))
    parts.append(fill(rect(-w, top, w, 0.8)))
    parts.append(fill(ellipse(-w * 0.5, top + 0.1, w * 0.4, u(0.15, 0.3)), "light"))
    parts.append(stroke(poly((0, top), (0, top - 0.12)), 0.04, "dark"))
    tip = u(-0.98, -0.88)
    side = curve((0, top - 0.08), (0.22, top - 0.12), (0.1, tip + 0.3), (0, tip))
    parts.append(fill(join(side, flip(side)), "orange"))
    parts.append(fill(join(side, flip(side)) * [0.5, 0.5] + [0, (top - 0.1) * 0.5], "yellow"))
    return parts


def crown(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    points, w, low = int(rng.integers(3, 6)), u(0.74, 0.9), u(0.45, 0.6)
    xs = np.linspace(-w, w, 2 * points - 1)
    ys = np.where(np.arange(2 * points - 1) % 2, u(0.0, 0.12), u(-0.65, -0.5))
    ys = ys - 0.12 * (1 - np.abs(xs) / w)
    rim = np.stack([xs, ys], axis=1)
    parts = [fill(join(rim, poly((w * 0.88, low), (-w * 0.88, low))))]
    for x, y in rim[::2]:
        parts.append(fill(ellipse(float(x), float(y) - 0.04, 0.09), "second"))
    parts.append(stroke(poly((-w * 0.88, low - 0.06), (w * 0.88, low - 0.06)), 0.14, "second"))
    for x in (-0.4, 0.0, 0.4):
        if rng.random() < 0.7:
            parts.append(fill(ellipse(x, 0.22, 0.09, 0.11), "red"))
    return parts


def drum(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w, top, low = u(0.6, 0.72), u(-0.25, -0.1), u(0.6, 0.75)
    parts = [fill(ellipse(0, low, w, 0.2)), fill(rect(-w, top, w, low))]
    zig = np.linspace(-w, w, 2 * int(rng.integers(3, 5)) + 1)
    laces = np.stack([zig, np.where(np.arange(len(zig)) % 2, low + 0.1, top + 0.18)], axis=1)
    parts.append(stroke(laces, 0.045, "light"))
    parts.append(stroke(curve((-w, low), (-w * 0.5, low + 0.28), (w * 0.5, low + 0.28), (w, low)),
                        0.09, "second"))  # fmt: skip
    parts.append(fill(ellipse(0, top, w, 0.2), "cream"))
    parts.append(stroke(ellipse(0, top, w, 0.2), 0.07, "second", closed=True))
    if rng.random() < 0.8:
        for side in (-1, 1):
            tip = (side * u(0.05, 0.2), top - 0.02)
            parts.append(stroke(poly(tip, (side * u(0.6, 0.8), -0.85)), 0.06, "brown"))
            parts.append(fill(ellipse(*tip, 0.07), "brown"))
    return parts
