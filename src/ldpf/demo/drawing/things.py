"""Drawn objects: things in a house.

Every function takes a generator and returns the parts back to front in object space.
"""

from __future__ import annotations

from itertools import pairwise

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


def cup(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    top, w, base = u(-0.5, -0.3), u(0.52, 0.66), u(0.3, 0.55)
    low = u(0.65, 0.8)
    x = -0.15
    handle = ellipse(x + w * 0.92, (top + low) / 2 - 0.05, u(0.26, 0.36), u(0.26, 0.38), -100, 110)
    parts = [stroke(handle, u(0.1, 0.15), "main")]
    right = curve((w, top), (w, 0.3), (base * 1.1, low), (base * 0.6, low))
    parts.append(fill(join(right, flip(right)) + np.array([x, 0])))
    parts.append(fill(ellipse(x, top, w, 0.11), "light"))
    parts.append(fill(ellipse(x, top + 0.02, w * 0.84, 0.075), "brown"))
    if rng.random() < 0.45:
        parts.append(fill(ellipse(x, low + 0.04, w * 1.25, 0.09), "second"))
    if rng.random() < 0.45:
        y = (top + low) / 2
        parts.append(stroke(poly((x - w * 0.93, y), (x + w * 0.93, y)), u(0.08, 0.2), "second"))
    if rng.random() < 0.45:
        for dx in (-0.2, 0.12):
            steam = curve(
                (x + dx, top - 0.12),
                (x + dx + 0.2, top - 0.3),
                (x + dx - 0.15, top - 0.4),
                (x + dx + 0.05, top - 0.6),
            )
            parts.append(stroke(steam, 0.045, "light"))
    return parts


def umbrella(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    rim, top, w = u(-0.05, 0.1), u(-0.85, -0.7), u(0.8, 0.95)
    n = int(rng.integers(3, 6))
    hook = curve((0, 0.65), (0, 1.05), (0.32, 1.05), (0.3, 0.72))
    parts = [stroke(join(poly((0, top - 0.12), (0, 0.65)), hook), u(0.055, 0.08), "brown")]
    arch = curve((-w, rim), (-w * 0.9, top - 0.22), (w * 0.9, top - 0.22), (w, rim), n=24)
    edges = np.linspace(w, -w, n + 1)
    scallop = [
        curve((a, rim), ((a + b) / 2, rim - 0.22), (b, rim), n=8) for a, b in pairwise(edges)
    ]
    parts.append(fill(join(arch, *scallop)))
    if rng.random() < 0.6:  # every other panel
        for i in range(1, n, 2):
            a, b = edges[i], edges[i + 1]
            panel = join(
                curve((a, rim), (a * 0.85, top * 0.8), (0, top)),
                curve((0, top), (b * 0.85, top * 0.8), (b, rim)),
            )
            parts.append(fill(join(panel, scallop[i][::-1]), "second"))
    else:
        for a in edges[1:-1]:
            parts.append(stroke(curve((a, rim), (a * 0.85, top * 0.8), (0, top)), 0.03, "dark"))
    return parts


def guitar(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    low, waist, up = u(0.42, 0.5), u(0.22, 0.28), u(0.3, 0.38)
    parts = [fill(rect(-0.06, -0.8, 0.06, 0.1), "brown")]
    parts.append(fill(poly((-0.11, -1.0), (0.11, -1.0), (0.08, -0.76), (-0.08, -0.76)), "dark"))
    y = np.array([-0.08, 0.05, 0.22, 0.36, 0.6, 0.85, 0.98])
    x = np.array([0.1, up, up * 0.95, waist, low, low * 0.85, 0.1])
    fine = np.linspace(y[0], y[-1], 30)
    # a smooth side line through the given widths
    side = np.stack([np.interp(fine, y, x), fine], axis=1)
    side[1:-1, 0] = (side[:-2, 0] + side[1:-1, 0] + side[2:, 0]) / 3
    body = join(side, flip(side))
    parts.append(fill(body))
    if rng.random() < 0.7:
        parts.append(fill(ellipse(0, 0.36, u(0.11, 0.15)), "dark"))
    else:  # pick guard
        parts.append(fill(ellipse(0.12, 0.5, 0.17, 0.24), "second"))
    parts.append(stroke(poly((-0.16, 0.72), (0.16, 0.72)), 0.07, "dark"))
    for s in (-0.03, 0.03):
        parts.append(stroke(poly((s, -0.95), (s, 0.72)), 0.02, "light"))
    for peg in (-0.95, -0.84):
        parts.append(stroke(poly((-0.18, peg), (0.18, peg)), 0.04, "steel"))
    return parts


def key(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    r, thick = u(0.24, 0.32), u(0.1, 0.15)
    role = "main"
    kind = rng.random()
    head = (-0.6, 0.0)
    parts = [stroke(poly((head[0] + r, 0), (0.95, 0)), thick, role)]
    for x in np.linspace(u(0.4, 0.5), 0.86, int(rng.integers(2, 4))):
        parts.append(fill(rect(x - 0.05, 0, x + 0.06, u(0.22, 0.36)), role))
    if kind < 0.55:
        parts.append(stroke(ellipse(*head, r), thick, role, closed=True))
    elif kind < 0.8:  # clover
        for a in (90, 180, 270):
            c = turn(poly((r * 0.85, 0)), a)[0] + head
            parts.append(stroke(ellipse(c[0], c[1], r * 0.55), thick * 0.9, role, closed=True))
    else:
        parts.append(stroke(rect(head[0] - r, -r, head[0] + r, r), thick, role, closed=True))
    parts.append(fill(rect(head[0] + r + 0.1, -thick * 0.9, head[0] + r + 0.18, thick * 0.9), role))
    return parts


def chair(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    seat, back, w = u(0.1, 0.2), u(-0.95, -0.75), u(0.08, 0.12)
    dx, dy = u(0.2, 0.32), u(0.1, 0.18)
    left, right = -0.5, 0.4
    parts = [stroke(poly((left + dx, seat - dy), (left + dx, 0.78)), w, "main")]
    parts.append(stroke(poly((right + dx, seat - dy), (right + dx, 0.78)), w, "main"))
    lean = u(0.0, 0.14)
    a, b = (left + dx - lean, back), (right + dx - lean, back)
    posts = [
        stroke(poly(a, (left + dx, seat - dy)), w, "main"),
        stroke(poly(b, (right + dx, seat - dy)), w, "main"),
    ]
    if rng.random() < 0.5:
        parts.append(fill(poly(a, b, (b[0], back + 0.5), (a[0], back + 0.5)), "second"))
        parts += posts
    else:
        parts += posts
        for y in (back + 0.05, back + 0.3, back + 0.55):
            parts.append(stroke(poly((a[0], y), (b[0], y)), w * 0.9, "main"))
    parts.append(
        fill(
            poly(
                (left, seat + 0.06),
                (left + dx, seat - dy),
                (right + dx, seat - dy),
                (right, seat + 0.06),
            ),
            "second",
        )
    )
    parts.append(stroke(poly((left, seat + 0.08), (right, seat + 0.08)), w, "main"))
    parts.append(stroke(poly((left, seat), (left, 0.95)), w, "main"))
    parts.append(stroke(poly((right, seat), (right, 0.95)), w, "main"))
    return parts


def clock(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    r = u(0.72, 0.85)
    parts = []
    if rng.random() < 0.45:  # alarm clock
        r = 0.66
        for s in (-1, 1):
            parts.append(fill(turn(ellipse(0, -0.82, 0.24, 0.17), s * 35), "second"))
            parts.append(stroke(poly((s * 0.4, 0.5), (s * 0.6, 0.92)), 0.1, "dark"))
    parts.append(
        fill(ellipse(0, 0, r)) if rng.random() < 0.7 else fill(rounded(-r, -r, r, r, 0.18))
    )
    parts.append(fill(ellipse(0, 0, r * u(0.76, 0.86)), "light"))
    for a in range(0, 360, 30 if rng.random() < 0.6 else 90):
        tick = turn(poly((r * 0.6, 0), (r * 0.72, 0)), a)
        parts.append(stroke(tick, 0.05, "dark"))
    hour, minute = u(0, 360), u(0, 360)
    parts.append(stroke(turn(poly((0, 0), (r * 0.4, 0)), hour), 0.09, "black"))
    parts.append(stroke(turn(poly((0, 0), (r * 0.6, 0)), minute), 0.06, "black"))
    return parts


def lamp(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    top, low, rim = u(0.22, 0.36), u(0.52, 0.7), u(-0.25, -0.05)
    base = u(0.28, 0.42)
    parts = [stroke(poly((0, rim - 0.1), (0, 0.85)), u(0.07, 0.11), "brown")]
    parts.append(fill(ellipse(0, 0.88, base, 0.1), "brown"))
    if rng.random() < 0.45:
        parts.append(fill(ellipse(0, 0.5, u(0.2, 0.3), 0.34), "second"))
    shade = poly((-top, -0.9), (top, -0.9), (low, rim), (-low, rim))
    parts.append(fill(shade))
    if rng.random() < 0.5:
        parts.append(stroke(poly((-low, rim), (low, rim)), 0.07, "second"))
    if rng.random() < 0.4:
        parts.append(stroke(poly((low * 0.6, rim), (low * 0.6, rim + 0.28)), 0.03, "dark"))
    return parts


def hammer(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w, y = u(0.08, 0.11), u(-0.72, -0.62)
    h = u(0.16, 0.22)
    parts = [fill(poly((-w * 0.8, y), (w * 0.8, y), (w * 1.2, 0.95), (-w * 1.2, 0.95)), "brown")]
    face = u(0.42, 0.55)
    parts.append(fill(rect(-0.14, y - h, face, y + h), "main"))
    parts.append(fill(rect(face - 0.12, y - h * 1.3, face + 0.04, y + h * 1.3), "main"))
    if rng.random() < 0.6:  # claw
        claw = join(
            curve((-0.12, y - h), (-0.5, y - h), (-0.75, y + h * 1.6)),
            curve((-0.75, y + h * 1.6), (-0.4, y + h * 0.4), (-0.12, y + h)),
        )
    else:
        claw = rect(-face, y - h * 1.1, -0.12, y + h * 1.1)
    parts.append(fill(claw, "main"))
    if rng.random() < 0.5:
        parts.append(fill(rounded(-w * 1.4, 0.35, w * 1.4, 0.95, 0.08), "second"))
    return parts


def book(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    if rng.random() < 0.5:  # lying open
        w, top, low = u(0.82, 0.95), u(-0.45, -0.3), u(0.4, 0.55)
        cover = poly(
            (-w, top - 0.02),
            (0, top + 0.14),
            (w, top - 0.02),
            (w, low + 0.04),
            (0, low + 0.2),
            (-w, low + 0.04),
        )
        page = join(
            curve((0, top + 0.12), (0.3, top - 0.2), (w * 0.92, top - 0.04)),
            curve((w * 0.92, low - 0.04), (0.3, low - 0.16), (0, low + 0.13)),
        )
        parts = [fill(cover), fill(page, "light"), fill(flip(page), "light")]
        for y in np.arange(top + 0.22, low - 0.12, u(0.15, 0.2)):
            for s in (-1, 1):
                parts.append(
                    stroke(poly((s * 0.15, y - 0.03), (s * 0.75, y - 0.08)), 0.035, "gray")
                )
        parts.append(stroke(poly((0, top + 0.12), (0, low + 0.14)), 0.03, "dark"))
        return parts
    w, h, d = u(0.5, 0.62), u(0.72, 0.85), u(0.12, 0.2)
    parts = [
        fill(
            poly(
                (-w, -h),
                (-w + d, -h - d * 0.6),
                (w + d, -h - d * 0.6),
                (w + d, h - d * 0.6),
                (w, h),
                (w, -h),
            ),
            "light",
        )
    ]
    parts.append(fill(rect(-w, -h, w, h)))
    parts.append(fill(rect(-w, -h, -w + 0.14, h), "second"))
    if rng.random() < 0.8:
        parts.append(fill(rect(-w + 0.3, -h + 0.25, w - 0.16, -h + 0.55), "light"))
    return parts


def bottle(rng: np.random.Generator) -> list[Part]:
    u = rng.uniform
    w, neck, shoulder = u(0.3, 0.42), u(0.1, 0.14), u(-0.35, -0.1)
    right = join(
        poly((neck, -0.82)),
        curve((neck, -0.6), (neck, shoulder), (w, shoulder - 0.05), (w, shoulder + 0.2)),
        poly((w, 0.88), (w * 0.9, 0.95)),
    )
    parts = [fill(join(right, flip(right)))]
    parts.append(fill(rect(-neck * 1.15, -0.98, neck * 1.15, -0.8), "second"))
    if rng.random() < 0.75:
        parts.append(fill(rect(-w, u(0.1, 0.2), w, u(0.5, 0.65)), "light"))
        if rng.random() < 0.5:
            parts.append(fill(ellipse(0, 0.36, 0.12), "second"))
    else:
        parts.append(stroke(poly((-w * 0.6, shoulder + 0.3), (-w * 0.6, 0.7)), 0.06, "light"))
    return parts
