"""Drawn objects: what one eats.

Every function takes a generator and returns the parts back to front in object space.
"""

from __future__ import annotations

import numpy as np

from ldpf.demo.drawing.shapes import Part, curve, ellipse, fill, flip, join, poly, rect, stroke


def banana(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    sag, thick = u(0.7, 0.95), u(0.34, 0.5)
    low = curve((-0.95, -0.35), (-0.55, sag), (0.5, sag), (0.92, -0.4), n=20)
    top = curve((0.86, -0.44), (0.45, sag - thick), (-0.4, sag - thick), (-0.86, -0.4), n=20)
    parts = [fill(join(low, top))]
    parts.append(stroke(poly((0.88, -0.38), (u(0.9, 0.98), -0.62)), 0.1, "brown"))
    parts.append(fill(ellipse(-0.9, -0.38, 0.06), "brown"))
    ridge = curve((-0.85, -0.3), (-0.45, sag - 0.2), (0.45, sag - 0.2), (0.85, -0.35), n=16)
    if rng.random() < 0.8:
        parts.append(stroke(ridge, 0.035, "brown" if rng.random() < 0.5 else "dark"))
    return parts


def carrot(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w, top = u(0.22, 0.32), u(-0.4, -0.3)
    parts = []
    for lean in np.linspace(-0.35, 0.35, int(rng.integers(3, 6))):
        frond = curve((0, top), (lean * 0.4, top - 0.3), (lean, top - u(0.45, 0.62)))
        parts.append(stroke(frond, 0.1, "green"))
    right = curve((0, top - 0.04), (w * 1.3, top - 0.05), (w, 0.2), (0, 0.98), n=16)
    parts.append(fill(join(right, flip(right))))
    for y in np.linspace(-0.1, 0.5, int(rng.integers(2, 5))):
        side = 1 if rng.random() < 0.5 else -1
        reach = w * (0.75 - 0.6 * y)
        parts.append(stroke(poly((side * reach, y), (side * reach * 0.3, y + 0.02)), 0.04, "dark"))
    return parts


def cake(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w, top, low = u(0.62, 0.8), u(-0.15, 0.0), 0.72
    parts = [fill(ellipse(0, low + 0.04, w * 1.2, 0.12), "light")]
    candles = int(rng.integers(1, 5))
    for x in np.linspace(-0.5, 0.5, candles) * w if candles > 1 else (0.0,):
        parts.append(stroke(poly((x, top + 0.05), (x, top - 0.36)), 0.08, "second"))
        parts.append(fill(ellipse(float(x), top - 0.48, 0.05, 0.1), "orange"))
    parts.append(fill(rect(-w, top, w, low)))
    drops = np.linspace(w, -w, 2 * int(rng.integers(4, 7)) + 1)
    drip = np.stack([drops, top + np.where(np.arange(len(drops)) % 2, 0.26, 0.12)], axis=1)
    icing = "cream" if rng.random() < 0.5 else "pink"
    parts.append(fill(join(poly((-w, top - 0.04), (w, top - 0.04)), drip), icing))
    if rng.random() < 0.6:
        y = (top + low) / 2 + 0.14
        parts.append(stroke(poly((-w, y), (w, y)), 0.1, "second"))
    return parts


def ice_cream(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w, rim = u(0.34, 0.44), u(-0.05, 0.1)
    parts = [fill(poly((-w, rim), (w, rim), (0, 0.98)), "brown")]
    for share in (-0.4, 0.1, 0.5):
        a, b = (share * w - 0.05, rim), (share * w * 0.4 + 0.1, rim + 0.5)
        parts.append(stroke(poly(a, b), 0.03, "dark"))
        parts.append(stroke(poly((-a[0], a[1]), (-b[0], b[1])), 0.03, "dark"))
    r = w * u(0.95, 1.08)
    if rng.random() < 0.5:  # two scoops
        parts.append(fill(ellipse(0, rim - r * 1.45, r * 0.85), "second"))
    parts.append(fill(ellipse(0, rim - r * 0.55, r * 1.08, r)))
    parts.append(fill(ellipse(0, rim - 0.02, w * 1.1, 0.09)))
    if rng.random() < 0.5:
        y = min(float(part.points[:, 1].min()) for part in parts)
        parts.append(fill(ellipse(u(-0.08, 0.08), y - 0.04, 0.1), "red"))
    return parts


def cherries(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    r, y = u(0.32, 0.4), u(0.45, 0.55)
    knot = (u(-0.05, 0.2), u(-0.9, -0.8))
    parts = []
    for x, drop in ((-0.45, 0.0), (0.45, u(-0.08, 0.12))):
        stem = curve(knot, (x * 0.2, -0.4), (x, y + drop - r * 0.8))
        parts.append(stroke(stem, 0.06, "brown" if rng.random() < 0.5 else "green"))
    for x, drop in ((-0.45, 0.0), (0.45, 0.0)):
        parts.append(fill(ellipse(x, y + drop, r, r * 0.95)))
        if rng.random() < 0.8:
            parts.append(fill(ellipse(x - r * 0.35, y - r * 0.35, 0.08, 0.06), "light"))
    if rng.random() < 0.7:
        blade = join(
            curve(knot, (knot[0] + 0.3, -1.05), (knot[0] + 0.65, -0.75)),
            curve((knot[0] + 0.65, -0.75), (knot[0] + 0.35, -0.6), knot),
        )
        parts.append(fill(blade, "green"))
    return parts
