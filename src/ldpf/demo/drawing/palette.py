"""Named colors and the choice of an object's paints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Rgb = tuple[int, int, int]
T = TypeVar("T")

# Several shades per name, so that a word means a range and not one value.
COLORS: dict[str, tuple[Rgb, ...]] = {
    "red": ((214, 40, 40), (190, 24, 52), (232, 72, 60)),
    "orange": ((242, 132, 36), (250, 156, 66), (222, 108, 30)),
    "yellow": ((248, 208, 58), (252, 224, 104), (234, 188, 30)),
    "green": ((58, 150, 72), (92, 172, 66), (34, 116, 74), (130, 184, 90)),
    "blue": ((46, 104, 200), (72, 150, 224), (36, 70, 150), (108, 176, 232)),
    "purple": ((128, 72, 180), (152, 104, 200), (96, 48, 136)),
    "pink": ((240, 140, 178), (246, 170, 196), (226, 98, 150)),
    "brown": ((134, 86, 50), (110, 68, 40), (160, 112, 70)),
    "white": ((246, 246, 244), (236, 238, 242), (250, 246, 236)),
    "gray": ((136, 140, 146), (168, 170, 174), (108, 112, 120)),
    "black": ((32, 32, 36), (48, 46, 52), (22, 26, 36)),
    # fixed paints of parts, never the color an object is named after
    "glass": ((178, 214, 232), (150, 196, 220), (206, 228, 236)),
    "steel": ((186, 192, 200), (160, 168, 178), (206, 210, 216)),
    "cream": ((246, 228, 192), (240, 216, 178), (250, 238, 212)),
}
NAMED = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "gray",
         "black")  # fmt: skip


@dataclass(frozen=True)
class Palette:
    """The paints of one picture.

    Attributes:
        color: name of the object's main color.
        background: name of the background's color.
        paints: role -> RGB for "main", "second", "light", "dark", "background", "ground" and every
            fixed color.
    """

    color: str
    background: str
    paints: dict[str, Rgb]

    def __getitem__(self, role: str) -> Rgb:
        return self.paints[role]


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of the options, all equally likely (without the detour through an array)."""
    return options[int(rng.integers(len(options)))]


def shade(rng: np.random.Generator, name: str, spread: float = 10.0) -> Rgb:
    """A random shade of a named color."""
    base = pick(rng, COLORS[name])
    change = rng.normal(0, spread, 3).tolist()
    return tuple(int(min(255, max(0, b + c))) for b, c in zip(base, change, strict=True))  # type: ignore[return-value]


def _all_shades(rng: np.random.Generator, spread: float = 10.0) -> dict[str, Rgb]:
    """One random shade of every named color."""
    place = rng.random(len(COLORS))
    base = [shades[int(p * len(shades))] for p, shades in zip(place, COLORS.values(), strict=True)]
    values = np.clip(np.array(base) + rng.normal(0, spread, (len(base), 3)), 0, 255).astype(int)
    return dict(zip(COLORS, map(tuple, values.tolist()), strict=True))


def mix(a: Rgb, b: Rgb, share: float) -> Rgb:
    """Blend `share` of b into a."""
    return tuple(round((1 - share) * x + share * y) for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def contrast(a: Rgb, b: Rgb) -> float:
    """How far apart two colors look: a weighted Euclidean distance in [0, 1]."""
    red, green, blue = ((x - y) / 255.0 for x, y in zip(a, b, strict=True))
    return math.sqrt(0.3 * red**2 + 0.5 * green**2 + 0.2 * blue**2)


def _background(rng: np.random.Generator) -> tuple[str, Rgb]:
    """The name of a background's color, and a shade of it."""
    background = pick(rng, NAMED)
    paint = shade(rng, background)
    if rng.random() < 0.6 and background != "black":  # backgrounds are mostly pale
        paint = mix(paint, (255, 255, 255), rng.uniform(0.3, 0.75))
    return background, paint


def choose_palette(
    rng: np.random.Generator, typical: tuple[str, ...], typical_share: float = 0.5
) -> Palette:
    """Draw main, second and background colors that can be told apart.

    Args:
        rng: generator all draws come from.
        typical: colors this object often has (may be empty).
        typical_share: how often one of them is taken.
    """
    pool = typical if typical and rng.random() < typical_share else NAMED
    color = pick(rng, pool)
    main = shade(rng, color)
    second_name = pick(rng, [n for n in NAMED if n != color])
    second = shade(rng, second_name)
    while contrast(main, second) < 0.2:
        second = shade(rng, pick(rng, NAMED))
    background, paint = _background(rng)
    for _ in range(29):
        if contrast(main, paint) > 0.28:
            break
        background, paint = _background(rng)
    paints = _all_shades(rng)
    dark = paints["black"]
    if contrast(dark, paint) < 0.25:  # wheels and handles must not vanish before a dark background
        dark = mix(dark, (255, 255, 255), rng.uniform(0.45, 0.65))
    paints |= {
        "main": main,
        "second": second,
        "light": paints["white"],
        "dark": dark,
        "background": paint,
        "ground": mix(paint, shade(rng, pick(rng, NAMED)), rng.uniform(0.15, 0.4)),
    }
    return Palette(color, background, paints)
