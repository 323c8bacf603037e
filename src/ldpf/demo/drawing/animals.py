"""Drawn objects: animals.

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
    stroke,
    turn,
)


def bird(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    fat, hx, hy = u(0.32, 0.42), u(0.42, 0.5), u(-0.42, -0.32)
    parts = []
    for x in (-0.05, 0.14):
        parts.append(stroke(poly((x, 0.35), (x, 0.75), (x + 0.14, 0.78)), 0.045, "orange"))
    tail = poly((-0.45, 0.05), (-1.0, u(-0.3, 0.1)), (-0.95, 0.22), (-0.4, 0.28))
    parts.append(fill(tail, "main" if rng.random() < 0.5 else "second"))
    beak = poly((hx + 0.17, hy - 0.08), (hx + u(0.42, 0.56), hy + 0.04), (hx + 0.17, hy + 0.12))
    parts.append(fill(beak, "orange"))
    parts.append(fill(turn(ellipse(0, 0.08, 0.62, fat), -16)))
    parts.append(fill(ellipse(hx, hy, u(0.23, 0.29))))
    if rng.random() < 0.5:  # wing up, or folded
        wing = join(
            curve((0.2, -0.05), (-0.1, -0.7), (-0.55, -0.9)),
            curve((-0.55, -0.9), (-0.5, -0.2), (-0.25, 0.1)),
        )
    else:
        wing = join(
            curve((0.25, 0.0), (0.1, 0.35), (-0.6, 0.28)),
            curve((-0.6, 0.28), (-0.3, -0.2), (0.25, 0.0)),
        )
    parts.append(fill(wing, "second"))
    parts.append(fill(ellipse(hx + 0.08, hy - 0.04, 0.055), "light"))
    parts.append(fill(ellipse(hx + 0.09, hy - 0.04, 0.035), "black"))
    return parts


def fish(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    tall, long = u(0.34, 0.56), u(0.6, 0.72)
    spread = u(0.32, 0.5)
    tail = poly((-long + 0.15, 0), (-1.0, -spread), (-0.86, 0), (-1.0, spread))
    parts = [fill(tail, "second" if rng.random() < 0.6 else "main")]
    if rng.random() < 0.8:
        parts.append(
            fill(
                poly((-0.3, -tall * 0.7), (u(-0.15, 0.0), -tall - 0.25), (0.35, -tall * 0.75)),
                "second",
            )
        )
    if rng.random() < 0.6:
        parts.append(
            fill(poly((-0.15, tall * 0.7), (-0.2, tall + 0.2), (0.15, tall * 0.8)), "second")
        )
    top = curve((-long, 0), (-0.2, -tall * 1.35), (0.6, -tall * 1.25), (0.9, 0.0), n=18)
    parts.append(fill(join(top, (top * [1, -1])[::-1])))
    for x in np.linspace(-0.25, 0.2, int(rng.integers(0, 4))):
        h = tall * 0.8
        parts.append(stroke(curve((x, -h), (x + 0.15, 0), (x, h)), u(0.06, 0.12), "second"))
    parts.append(fill(ellipse(0.52, -tall * 0.25, 0.09), "light"))
    parts.append(fill(ellipse(0.54, -tall * 0.25, 0.05), "black"))
    return parts


def butterfly(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    top = join(
        curve(
            (0.05, -0.1),
            (
                0.2,
                -u(0.8, 1.0),
            ),
            (0.95, -u(0.8, 1.1)),
            (0.9, -0.35),
        ),
        curve((0.9, -0.35), (0.7, 0.1), (0.05, 0.05)),
    )
    low = join(
        curve((0.05, 0.0), (0.75, -0.05), (0.8, 0.4)),
        curve((0.8, 0.4), (0.6, u(0.8, 1.0)), (0.25, 0.75), (0.05, 0.15)),
    )
    role = "main" if rng.random() < 0.5 else "second"
    parts = []
    for wing, paint in ((low, role), (top, "main")):
        parts += [fill(wing, paint), fill(flip(wing), paint)]
    spot, r = (u(0.5, 0.62), u(-0.5, -0.42)), u(0.09, 0.17)
    for s in (-1, 1):
        parts.append(fill(ellipse(s * spot[0], spot[1], r), "second"))
        if rng.random() < 0.7:
            parts.append(fill(ellipse(s * 0.45, 0.4, r * 0.7), "light"))
        parts.append(stroke(curve((0, -0.4), (s * 0.1, -0.7), (s * 0.28, -0.88)), 0.035, "dark"))
    parts.append(fill(ellipse(0, 0.05, 0.09, 0.5), "dark"))
    return parts


def cat(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w, h = u(0.68, 0.82), u(0.58, 0.68)
    inner, tip = u(0.1, 0.22), u(-0.98, -0.86)
    ear = poly((inner, -0.4), (u(0.48, 0.62), tip), (w * 0.97, -0.05))
    parts = []
    for e in (ear, flip(ear)):
        parts.append(fill(e))
        parts.append(fill((e - e.mean(0)) * 0.5 + e.mean(0), "pink"))
    parts.append(fill(ellipse(0, 0.12, w, h)))
    if rng.random() < 0.4:
        for x in (-0.16, 0, 0.16):
            parts.append(stroke(poly((x, -0.42), (x * 0.8, -0.2)), 0.07, "second"))
    if rng.random() < 0.6:
        parts.append(fill(ellipse(0, 0.38, 0.3, 0.22), "light"))
    eye = "yellow" if rng.random() < 0.5 else "green"
    for s in (-1, 1):
        parts.append(fill(ellipse(s * 0.3, -0.02, 0.14, 0.13), eye))
        parts.append(fill(ellipse(s * 0.3, -0.02, 0.05, 0.12), "black"))
        for y in (0.28, 0.4):
            parts.append(
                stroke(poly((s * 0.2, 0.33), (s * 0.95, y + u(-0.06, 0.06))), 0.025, "dark")
            )
    parts.append(fill(poly((-0.09, 0.22), (0.09, 0.22), (0, 0.34)), "pink"))
    parts.append(stroke(curve((-0.18, 0.42), (-0.05, 0.56), (0, 0.36)), 0.035, "dark"))
    parts.append(stroke(curve((0.18, 0.42), (0.05, 0.56), (0, 0.36)), 0.035, "dark"))
    return parts


def turtle(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w, top, belly = u(0.6, 0.72), u(-0.55, -0.4), 0.3
    parts = [fill(poly((-w * 0.9, 0.15), (-w - u(0.2, 0.3), 0.34), (-w * 0.8, 0.3)), "second")]
    for x in (-0.42, 0.4):
        parts.append(fill(ellipse(x + u(-0.05, 0.05), belly + 0.14, 0.15, u(0.22, 0.28)), "second"))
    head = (w + u(0.14, 0.22), u(-0.12, 0.08))
    parts.append(stroke(poly((w * 0.7, 0.18), head), 0.2, "second"))
    parts.append(fill(ellipse(*head, 0.18, 0.15), "second"))
    parts.append(fill(ellipse(head[0] + 0.06, head[1] - 0.03, 0.035), "black"))
    arch = curve((-w, belly), (-w, top - 0.25), (w, top - 0.25), (w, belly), n=20)
    parts.append(fill(arch))
    for x in (-0.32, 0.0, 0.32):
        y = top * 0.35 + 0.3 * abs(x)
        parts.append(stroke(ellipse(x, y, 0.15, 0.13), 0.04, "dark", closed=True))
    parts.append(stroke(poly((-w, belly), (w, belly)), 0.1, "brown"))
    return parts


def snail(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    r, x, y = u(0.5, 0.6), u(-0.25, -0.1), u(-0.05, 0.05)
    foot = join(
        curve((-0.98, 0.72), (-0.5, 0.45), (0.2, 0.5), (0.5, 0.3), n=16),
        curve((0.5, 0.3), (0.5, -0.25), (0.85, -0.3), (0.92, 0.0), n=12),
        curve((0.92, 0.0), (0.9, 0.7), (0.6, 0.72), (0.4, 0.72), n=12),
    )
    parts = [fill(foot, "second")]
    for reach in (0.72, 0.92):
        tip = (reach + u(-0.03, 0.06), u(-0.62, -0.5))
        parts.append(stroke(poly((0.76, -0.1), tip), 0.05, "second"))
        parts.append(fill(ellipse(*tip, 0.05), "black"))
    parts.append(fill(ellipse(x, y, r)))
    angle = np.linspace(0, 2 * np.pi * u(1.6, 2.3), 40) + u(0, 6)
    radius = np.linspace(0.06, r * 0.85, 40)
    spiral = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)
    parts.append(stroke(spiral, u(0.05, 0.08), "dark"))
    return parts


def penguin(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w, top = u(0.42, 0.52), u(-0.6, -0.5)
    parts = [fill(ellipse(s * 0.22, 0.9, 0.18, 0.08), "orange") for s in (-1, 1)]
    for side in (-1, 1):
        spread = u(5, 30)
        wing = turn(ellipse(0, 0.3, 0.12, 0.4), -side * spread)
        parts.append(fill(wing + np.array([side * w * 0.85, -0.15]), "main"))
    parts.append(fill(ellipse(0, 0.25, w, 0.66)))
    parts.append(fill(ellipse(0, top, u(0.3, 0.36))))
    parts.append(fill(ellipse(0, 0.36, w * 0.7, 0.5), "light"))
    for side in (-1, 1):
        parts.append(fill(ellipse(side * 0.12, top - 0.02, 0.1, 0.12), "light"))
        parts.append(fill(ellipse(side * 0.1, top, 0.045), "black"))
    parts.append(fill(poly((-0.1, top + 0.1), (0.1, top + 0.1), (0, top + 0.26)), "orange"))
    if rng.random() < 0.3:
        parts.append(stroke(poly((-0.28, top + 0.34), (0.28, top + 0.34)), 0.1, "second"))
    return parts
