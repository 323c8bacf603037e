"""One picture: an object, a style and a generator give an image and what can be said about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ldpf.demo.drawing.objects import OBJECTS, pose
from ldpf.demo.drawing.palette import choose_palette
from ldpf.demo.drawing.styles import Style
from ldpf.demo.drawing.trained_styles import TRAINABLE_STYLES
from ldpf.demo.drawing.unseen_styles import UNSEEN_STYLES
from ldpf.errors import DataError

STYLES: dict[str, Style] = TRAINABLE_STYLES | UNSEEN_STYLES


@dataclass(frozen=True)
class Picture:
    """A drawn image and its description.

    Attributes:
        image: RGB, square.
        name: object class, a key of `OBJECTS`.
        style: a key of `STYLES`.
        color: name of the object's main color.
        background: name of the background's color.
    """

    image: Image.Image
    name: str
    style: str
    color: str
    background: str


def draw_picture(name: str, style: str, rng: np.random.Generator, size: int = 64) -> Picture:
    """Draw one object in one style.

    The same generator state always gives the same pixels; every call advances `rng`.

    Args:
        name: object class, a key of `OBJECTS`.
        style: a key of `STYLES`.
        rng: the only source of randomness.
        size: side length in pixels.

    Raises:
        DataError: for a name or style that does not exist, or a size below 16.
    """
    if name not in OBJECTS:
        known = ", ".join(OBJECTS)
        raise DataError(f"There is no drawn object called {name!r}; choose one of: {known}.")
    if style not in STYLES:
        known = ", ".join(STYLES)
        raise DataError(f"There is no drawing style called {style!r}; choose one of: {known}.")
    if size < 16:
        raise DataError(f"A drawn picture needs size >= 16 pixels, got {size}.")
    kind = OBJECTS[name]
    parts = pose(rng, kind)
    palette = choose_palette(rng, kind.colors)
    image = STYLES[style](parts, palette, rng, size)
    return Picture(image, name, style, palette.color, palette.background)
