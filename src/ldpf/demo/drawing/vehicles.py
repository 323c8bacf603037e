"""Drawn objects: what drives, flies, floats, and what people live in.

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
    rounded,
    stroke,
    turn,
)


def house(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w, top, eaves = u(0.55, 0.8), u(-0.2, 0.05), u(0.08, 0.2)
    peak = u(-0.9, -0.65)
    parts = []
    if rng.random() < 0.6:  # chimney behind the roof
        x = u(0.2, 0.4) * rng.choice([-1, 1])
        parts.append(fill(rect(x - 0.09, peak + 0.02, x + 0.09, top), "brown"))
    parts.append(fill(rect(-w, top, w, 0.8)))
    if rng.random() < 0.5:
        roof = poly((-w - eaves, top), (0, peak), (w + eaves, top))
    else:
        roof = poly((-w - eaves, top), (-w * 0.6, peak), (w * 0.6, peak), (w + eaves, top))
    parts.append(fill(roof, "second"))
    door, dw, dh = u(-0.2, 0.2), u(0.12, 0.17), u(0.4, 0.52)
    parts.append(fill(rect(door - dw, 0.8 - dh, door + dw, 0.8), "brown"))
    for side in (-1, 1):
        if rng.random() < 0.85:
            cx, s = (door + side * dw + side * w) / 2, u(0.09, 0.13)
            y = u(top + 0.22, top + 0.32)
            parts.append(fill(rect(cx - s, y - s, cx + s, y + s), "glass"))
            if rng.random() < 0.6:
                parts.append(stroke(poly((cx, y - s), (cx, y + s)), 0.035, "light"))
                parts.append(stroke(poly((cx - s, y), (cx + s, y)), 0.035, "light"))
    if rng.random() < 0.35:
        parts.append(fill(ellipse(0, (top + peak) / 2 + 0.05, 0.1), "glass"))
    return parts


def car(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    roof, front, back = u(-0.5, -0.32), u(0.3, 0.5), u(-0.7, -0.5)
    belt, sill = u(-0.08, 0.04), u(0.36, 0.44)
    cabin = poly(
        (back, belt), (back + u(0.1, 0.25), roof), (front - u(0.22, 0.36), roof), (front, belt)
    )
    hood = u(0.0, 0.1)
    body = join(
        curve((-0.98, sill), (-1.02, belt), (-0.85, belt), (back, belt)),
        curve((front, belt), (0.75, belt + hood), (0.97, belt + hood), (1.0, sill)),
    )
    parts = [fill(cabin), fill(body)]
    inset = (cabin - cabin.mean(0)) * np.array([0.8, 0.72]) + cabin.mean(0) + [0, 0.02]
    parts.append(fill(inset, "glass"))
    mid = u(-0.15, 0.02)
    parts.append(stroke(poly((mid, roof), (mid, belt)), 0.07, "main"))
    if rng.random() < 0.6:
        parts.append(stroke(poly((mid, belt), (mid, sill - 0.05)), 0.03, "dark"))
    parts.append(fill(ellipse(0.9, belt + hood + 0.12, 0.07, 0.06), "yellow"))
    r = u(0.19, 0.25)
    for x in (-0.56 + u(-0.05, 0.05), 0.56 + u(-0.05, 0.05)):
        parts.append(fill(ellipse(x, sill, r), "dark"))
        parts.append(fill(ellipse(x, sill, r * u(0.45, 0.6)), "steel"))
    return parts


def bicycle(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    r, y, x = u(0.36, 0.43), 0.35, u(0.53, 0.58)
    thick = u(0.06, 0.09)
    parts = []
    for side in (-x, x):
        parts.append(stroke(ellipse(side, y, r), thick, "dark", closed=True))
        if rng.random() < 0.4:
            for a in np.arange(0, 180, 45) + u(0, 45):
                spoke = turn(poly((side - r, y), (side + r, y)), float(a), side, y)
                parts.append(stroke(spoke, 0.018, "gray"))
    crank, seat = (u(-0.1, 0.0), y), (u(-0.3, -0.2), u(-0.25, -0.15))
    head = (u(0.3, 0.38), u(-0.3, -0.2))
    if rng.random() < 0.85:
        frame = [(crank, seat), (seat, head), (head, crank)]
    else:  # step-through frame
        frame = [(crank, seat), (head, crank)]
    frame += [(seat, (-x, y)), ((-x, y), crank), (head, (x, y))]
    parts += [stroke(poly(a, b), thick, "main") for a, b in frame]
    up = (seat[0] - 0.04, seat[1] - 0.14)
    parts.append(stroke(poly(seat, up), thick * 0.8, "main"))
    parts.append(stroke(poly((up[0] - 0.14, up[1]), (up[0] + 0.12, up[1])), 0.1, "dark"))
    bar = (head[0] - 0.05, head[1] - u(0.16, 0.24))
    parts.append(stroke(poly(head, bar), thick * 0.8, "main"))
    if rng.random() < 0.5:
        grip = poly(bar, (bar[0] + 0.18, bar[1] - 0.03))
    else:
        grip = curve(bar, (bar[0] + 0.32, bar[1] - 0.03), (bar[0] + 0.26, bar[1] + 0.2))
    parts.append(stroke(grip, 0.07, "dark"))
    parts.append(fill(ellipse(*crank, 0.08), "dark"))
    if rng.random() < 0.3:
        parts.append(fill(rounded(0.5, bar[1] + 0.1, 0.86, bar[1] + 0.34, 0.05), "brown"))
    return parts


def airplane(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    h, sweep = u(0.13, 0.19), u(0.2, 0.45)
    far = poly((0.1, -h * 0.6), (-sweep, -u(0.5, 0.7)), (-sweep - 0.16, -0.55), (-0.25, -h * 0.6))
    tail = poly((-0.6, -h * 0.5), (-0.95, -u(0.5, 0.62)), (-1.05, -0.5), (-0.95, 0.0))
    body = join(
        curve((-1.0, -0.02), (-0.7, -h), (-0.3, -h), (0.5, -h)),
        curve((0.5, -h), (0.92, -h), (1.1, 0.04), (0.8, h * 0.8)),
        curve((0.8, h * 0.8), (0.2, h * 1.1), (-0.4, h), (-1.0, -0.02)),
    )
    near = poly(
        (0.22, h * 0.4), (-sweep - 0.05, u(0.6, 0.78)), (-sweep - 0.27, 0.68), (-0.22, h * 0.4)
    )
    parts = [fill(far, "second"), fill(tail, "second"), fill(body), fill(near, "second")]
    parts.append(fill(poly((-0.7, 0), (-1.05, 0.22), (-1.15, 0.2), (-0.92, 0)), "second"))
    if rng.random() < 0.8:
        for x in np.arange(-0.55, 0.5, u(0.16, 0.24)):
            parts.append(fill(ellipse(float(x), -0.04, 0.045), "glass"))
    parts.append(fill(ellipse(0.72, -h * 0.35, 0.1, 0.06), "glass"))
    return parts


def sailboat(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    deck, bottom, w = u(0.4, 0.5), u(0.75, 0.88), u(0.7, 0.9)
    mast, top = u(-0.1, 0.1), u(-0.98, -0.8)
    bend = u(0.0, 0.25)
    parts = [stroke(poly((mast, deck), (mast, top)), 0.06, "brown")]
    big = join(
        poly((mast + 0.05, top + 0.06)),
        curve(
            (mast + 0.05, top + 0.06), (mast + 0.4 + bend, -0.3), (mast + u(0.6, 0.72), deck - 0.1)
        ),
        poly((mast + 0.05, deck - 0.1)),
    )
    parts.append(fill(big, "light" if rng.random() < 0.5 else "second"))
    if rng.random() < 0.8:
        front = poly(
            (mast - 0.05, top + u(0.1, 0.3)),
            (mast - u(0.5, 0.62), deck - 0.1),
            (mast - 0.05, deck - 0.1),
        )
        parts.append(fill(front, "light" if rng.random() < 0.6 else "second"))
    if rng.random() < 0.5:
        parts.append(fill(poly((mast, top), (mast + 0.24, top + 0.07), (mast, top + 0.14)), "red"))
    hull = poly((-w, deck), (w, deck), (w * u(0.6, 0.75), bottom), (-w * u(0.6, 0.75), bottom))
    parts.append(fill(hull))
    if rng.random() < 0.5:
        y = deck + 0.1
        parts.append(stroke(poly((-w * 0.9, y), (w * 0.9, y)), 0.06, "light"))
    return parts


def hot_air_balloon(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    r, cy, neck = u(0.58, 0.7), -0.3, u(0.12, 0.18)
    base = u(0.4, 0.5)
    right = curve((0, cy - r), (r * 1.35, cy - r), (r * 1.3, cy + r * 0.45), (neck, base), n=20)
    outline = join(right, flip(right))
    parts = [fill(outline)]
    if rng.random() < 0.85:  # gores
        for share in ((0.55,), (0.3, 0.75))[int(rng.integers(2))]:
            strip = outline * [share, 1]
            role = "second" if share != 0.3 else "main"
            parts.append(fill(strip, role))
    basket = u(0.14, 0.2)
    for side in (-1, 1):
        parts.append(stroke(poly((side * neck * 0.9, base), (side * basket, 0.74)), 0.03, "dark"))
    parts.append(
        fill(
            poly((-basket, 0.72), (basket, 0.72), (basket * 0.85, 0.98), (-basket * 0.85, 0.98)),
            "brown",
        )
    )
    return parts


def rocket(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w, tip, base = u(0.24, 0.33), -0.95, u(0.5, 0.6)
    parts = []
    if rng.random() < 0.75:
        flame = u(0.8, 1.0)
        parts.append(
            fill(
                poly(
                    (-0.18, base),
                    (-0.1, flame - 0.15),
                    (0, flame),
                    (0.1, flame - 0.15),
                    (0.18, base),
                ),
                "orange",
            )
        )
        parts.append(fill(poly((-0.09, base), (0, flame - 0.15), (0.09, base)), "yellow"))
    fin = poly((w * 0.8, u(0.05, 0.2)), (w + u(0.2, 0.34), base + 0.1), (w * 0.7, base))
    parts += [fill(fin, "second"), fill(flip(fin), "second")]
    right = curve((0, tip), (w * 1.1, tip + 0.35), (w * 1.35, 0.05), (w * 0.75, base))
    hull = join(right, flip(right))
    parts.append(fill(hull))
    nose = right[right[:, 1] < tip + u(0.35, 0.45)]
    parts.append(fill(join(nose, flip(nose)), "second"))
    parts.append(fill(ellipse(0, u(-0.25, -0.1), 0.13), "dark"))
    parts.append(fill(ellipse(0, parts[-1].points[:, 1].mean(), 0.09), "glass"))
    return parts


def train(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    cab, top, boiler = u(-0.25, -0.1), u(-0.7, -0.55), u(-0.2, -0.1)
    parts = [stroke(poly((-1, 0.74), (1, 0.74)), 0.05, "brown")]
    parts.append(fill(rect(0.5, -0.62 + u(-0.05, 0.1), 0.68, boiler), "dark"))
    parts.append(fill(poly((0.42, -0.62), (0.76, -0.62), (0.68, -0.45), (0.5, -0.45)), "dark"))
    parts.append(fill(rounded(cab, boiler, 0.86, 0.4, 0.12)))
    parts.append(fill(ellipse(0.2, boiler, 0.12, 0.14, 180, 360), "second"))
    parts.append(fill(rect(-0.85, top, cab + 0.02, 0.4), "second"))
    parts.append(fill(rect(-0.95, top - 0.1, cab + 0.12, top), "dark"))
    parts.append(fill(rect(-0.7, top + 0.12, cab - 0.14, boiler + 0.05), "glass"))
    parts.append(fill(poly((0.8, 0.3), (1.0, 0.66), (0.8, 0.66)), "steel"))
    for x, r in ((-0.6, u(0.2, 0.26)), (0.1, u(0.15, 0.2)), (0.56, u(0.15, 0.2))):
        parts.append(fill(ellipse(x, 0.7 - r, r), "dark"))
        parts.append(fill(ellipse(x, 0.7 - r, r * 0.5), "red"))
    if rng.random() < 0.5:
        parts.append(fill(ellipse(0.4, -0.8, 0.2, 0.12), "light"))
    return parts


def tent(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w, depth, lean = u(0.55, 0.7), u(0.3, 0.45), u(0.05, 0.18)
    a, b = (-0.25, -0.6), (-0.25 + depth, -0.6 + lean * 0.4)
    left, right = (-0.25 - w, 0.65), (-0.25 + w, 0.65)
    corner = (right[0] + depth * 0.9, 0.65 - lean)
    parts = [fill(poly(a, b, corner, right), "second"), fill(poly(left, a, right))]
    gap = u(0.16, 0.3)
    parts.append(
        fill(poly((-0.25 - gap, 0.65), (-0.25, u(-0.35, -0.1)), (-0.25 + gap, 0.65)), "dark")
    )
    if rng.random() < 0.5:
        parts.append(stroke(poly(left, (left[0] - 0.12, 0.72)), 0.03, "brown"))
        parts.append(stroke(poly(corner, (corner[0] + 0.1, 0.7)), 0.03, "brown"))
    if rng.random() < 0.5:
        parts.append(stroke(poly(a, (a[0], a[1] - 0.2)), 0.04, "brown"))
        parts.append(
            fill(poly((a[0], a[1] - 0.3), (a[0] + 0.22, a[1] - 0.22), (a[0], a[1] - 0.14)), "red")
        )
    return parts
