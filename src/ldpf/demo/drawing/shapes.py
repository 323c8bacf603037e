"""Vector parts and the few geometric primitives every drawn object is made of.

Object space is the square [-1, 1] x [-1, 1] with y pointing down. Everything becomes a list of
points, so that a pose (rotation, shear, mirroring) or a shaky hand acts on all parts alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Part:
    """One filled area or one stroke of an object.

    Attributes:
        points: float array [n, 2], the corners of the area or of the stroke.
        role: which paint it takes: "main", "second", "light", "dark", or the name of a color that
            never changes (see `palette.COLORS`).
        width: 0 for a filled area, otherwise the width of a stroke in the units of `points`.
        closed: whether a stroke returns to its first point (areas always do).
    """

    points: np.ndarray
    role: str
    width: float = 0.0
    closed: bool = True


def moved(parts: Sequence[Part], matrix: np.ndarray, shift: np.ndarray) -> list[Part]:
    """The parts after the affine map x -> matrix @ x + shift ([2, 2] and [2])."""
    scale = math.sqrt(abs(float(np.linalg.det(matrix))))
    return [
        Part(part.points @ matrix.T + shift, part.role, part.width * scale, part.closed)
        for part in parts
    ]


def fill(points: np.ndarray, role: str = "main") -> Part:
    """A filled area."""
    return Part(np.asarray(points, dtype=np.float64), role)


def stroke(points: np.ndarray, width: float, role: str = "dark", closed: bool = False) -> Part:
    """A line of the given width."""
    return Part(np.asarray(points, dtype=np.float64), role, width, closed)


def poly(*corners: tuple[float, float]) -> np.ndarray:
    """The given corners as an array [n, 2]."""
    return np.array(corners, dtype=np.float64)


def ellipse(
    cx: float, cy: float, rx: float, ry: float | None = None, start: float = 0, end: float = 360
) -> np.ndarray:
    """Points on an ellipse from angle `start` to `end` (degrees, clockwise from the right)."""
    ry = rx if ry is None else ry
    n = max(8, int(abs(end - start) / 11))
    return _arc(start, end, n) * (rx, ry) + (cx, cy)


@lru_cache(maxsize=256)
def _arc(start: float, end: float, n: int) -> np.ndarray:
    """n points on the unit circle; a full turn leaves out its last point, which is the first."""
    angle = np.radians(np.linspace(start, end, n, endpoint=abs(end - start) < 360))
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points.flags.writeable = False
    return points


def rect(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """An axis-parallel rectangle."""
    return poly((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def rounded(x0: float, y0: float, x1: float, y1: float, radius: float) -> np.ndarray:
    """A rectangle with round corners."""
    r = min(radius, (x1 - x0) / 2, (y1 - y0) / 2)
    corners = [
        (x1 - r, y1 - r, 0),
        (x0 + r, y1 - r, 90),
        (x0 + r, y0 + r, 180),
        (x1 - r, y0 + r, 270),
    ]
    return np.concatenate([ellipse(x, y, r, r, a, a + 90)[::2] for x, y, a in corners])


def curve(*control: tuple[float, float], n: int = 14) -> np.ndarray:
    """Points on the Bezier curve of the given control points (Bernstein form)."""
    return _bernstein(len(control) - 1, n) @ np.array(control, dtype=np.float64)


@lru_cache(maxsize=64)
def _bernstein(degree: int, n: int) -> np.ndarray:
    """Weight of each control point at n places along the curve: [n, degree + 1]."""
    t = np.linspace(0, 1, n)[:, None]
    k = np.arange(degree + 1)
    ways = np.array([math.comb(degree, i) for i in k])
    weights = ways * t**k * (1 - t) ** (degree - k)
    weights.flags.writeable = False
    return weights


def join(*pieces: np.ndarray) -> np.ndarray:
    """Several curves as one outline."""
    return np.concatenate(pieces)


def flip(points: np.ndarray, axis: float = 0.0) -> np.ndarray:
    """Mirror left and right about the vertical line x = axis, keeping an outline's order usable."""
    out = points[::-1].copy()
    out[:, 0] = 2 * axis - out[:, 0]
    return out


def turn(points: np.ndarray, degrees: float, cx: float = 0.0, cy: float = 0.0) -> np.ndarray:
    """Rotate about (cx, cy), clockwise on the screen."""
    a = np.radians(degrees)
    matrix = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    center = np.array([cx, cy])
    return (points - center) @ matrix.T + center


def blob(
    rng: np.random.Generator, cx: float, cy: float, rx: float, ry: float, bumps: int, depth: float
) -> np.ndarray:
    """A cloud-like outline: an ellipse whose radius rises and falls `bumps` times."""
    angle = np.linspace(0, 2 * np.pi, 8 * bumps, endpoint=False)
    wave = 1 + depth * (np.abs(np.sin(angle * bumps / 2 + rng.uniform(0, np.pi))) - 0.6)
    return np.stack([cx + rx * wave * np.cos(angle), cy + ry * wave * np.sin(angle)], axis=1)
