"""The list of drawable objects, and one pose drawn for one of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ldpf.demo.drawing import animals, food, nature, things, tools, vehicles
from ldpf.demo.drawing.palette import pick
from ldpf.demo.drawing.shapes import Part, moved


@dataclass(frozen=True)
class ObjectKind:
    """One object class.

    Attributes:
        draw: makes the parts from a generator.
        colors: colors the object often has.
        tilt: largest rotation in degrees to either side.
        stretch: largest relative change of its width against its height.
    """

    draw: Callable[[np.random.Generator], list[Part]]
    colors: tuple[str, ...] = ()
    tilt: float = 12.0
    stretch: float = 0.15


OBJECTS: dict[str, ObjectKind] = {
    "airplane": ObjectKind(vehicles.airplane, ("white", "gray", "blue"), tilt=30),
    "anchor": ObjectKind(tools.anchor, ("blue", "gray", "black"), tilt=25),
    "apple": ObjectKind(nature.apple, ("red", "green", "yellow"), tilt=25),
    "banana": ObjectKind(food.banana, ("yellow",), tilt=60),
    "bell": ObjectKind(tools.bell, ("yellow", "orange", "gray"), tilt=20),
    "bicycle": ObjectKind(vehicles.bicycle, ("red", "blue", "green", "black"), tilt=10),
    "bird": ObjectKind(animals.bird, ("blue", "brown", "yellow", "red"), tilt=18),
    "book": ObjectKind(things.book, ("red", "blue", "brown"), tilt=22),
    "bottle": ObjectKind(things.bottle, ("green", "brown", "blue"), tilt=25),
    "butterfly": ObjectKind(animals.butterfly, ("orange", "blue", "yellow", "purple"), tilt=40),
    "cactus": ObjectKind(nature.cactus, ("green",), tilt=8),
    "cake": ObjectKind(food.cake, ("brown", "pink", "white"), tilt=6),
    "candle": ObjectKind(tools.candle, ("white", "red", "yellow"), tilt=8),
    "car": ObjectKind(vehicles.car, ("red", "blue", "yellow", "white"), tilt=10),
    "carrot": ObjectKind(food.carrot, ("orange",), tilt=70),
    "cat": ObjectKind(animals.cat, ("orange", "gray", "black", "brown"), tilt=18),
    "chair": ObjectKind(things.chair, ("brown",), tilt=8),
    "cherries": ObjectKind(food.cherries, ("red",), tilt=20),
    "clock": ObjectKind(things.clock, ("red", "brown", "blue"), tilt=12),
    "crown": ObjectKind(tools.crown, ("yellow", "orange"), tilt=15),
    "cup": ObjectKind(things.cup, ("white", "red", "blue"), tilt=10),
    "drum": ObjectKind(tools.drum, ("red", "blue"), tilt=10),
    "fish": ObjectKind(animals.fish, ("orange", "blue", "yellow", "gray"), tilt=25),
    "flower": ObjectKind(nature.flower, ("red", "pink", "yellow", "purple", "white"), tilt=18),
    "guitar": ObjectKind(things.guitar, ("brown", "orange", "red"), tilt=50),
    "hammer": ObjectKind(things.hammer, ("gray", "black"), tilt=60),
    "heart": ObjectKind(nature.heart, ("red", "pink"), tilt=20),
    "hot_air_balloon": ObjectKind(
        vehicles.hot_air_balloon, ("red", "yellow", "blue", "purple"), tilt=12
    ),
    "house": ObjectKind(vehicles.house, ("white", "yellow", "orange", "pink"), tilt=6),
    "ice_cream": ObjectKind(food.ice_cream, ("pink", "white", "brown"), tilt=30),
    "key": ObjectKind(things.key, ("yellow", "gray"), tilt=90),
    "ladder": ObjectKind(tools.ladder, ("brown", "yellow", "gray"), tilt=25),
    "lamp": ObjectKind(things.lamp, ("yellow", "white", "orange"), tilt=10),
    "leaf": ObjectKind(nature.leaf, ("green", "orange", "red", "yellow"), tilt=70),
    "mushroom": ObjectKind(nature.mushroom, ("red", "brown", "orange"), tilt=15),
    "penguin": ObjectKind(animals.penguin, ("black", "blue"), tilt=10),
    "pumpkin": ObjectKind(nature.pumpkin, ("orange",), tilt=12),
    "rocket": ObjectKind(vehicles.rocket, ("white", "red", "gray"), tilt=45),
    "sailboat": ObjectKind(vehicles.sailboat, ("red", "brown", "blue", "white"), tilt=12),
    "scissors": ObjectKind(tools.scissors, ("red", "blue", "black"), tilt=90),
    "snail": ObjectKind(animals.snail, ("brown", "orange", "yellow"), tilt=8),
    "snowman": ObjectKind(nature.snowman, ("red", "blue", "black"), tilt=8),
    "star": ObjectKind(nature.star, ("yellow", "orange", "red"), tilt=36),
    "sword": ObjectKind(tools.sword, ("gray", "yellow"), tilt=60),
    "tent": ObjectKind(vehicles.tent, ("orange", "green", "blue"), tilt=6),
    "train": ObjectKind(vehicles.train, ("red", "green", "blue", "black"), tilt=6),
    "tree": ObjectKind(nature.tree, ("green",), tilt=8),
    "turtle": ObjectKind(animals.turtle, ("green", "brown"), tilt=12),
    "umbrella": ObjectKind(things.umbrella, ("red", "blue", "purple", "yellow"), tilt=25),
}  # fmt: skip


def pose(rng: np.random.Generator, kind: ObjectKind) -> list[Part]:
    """Draw one object and place it on the unit canvas ([0, 1] x [0, 1], y down).

    Mirrored half of the time; random rotation, stretch, shear, size and position. Its bounding box
    stays within the canvas up to a small overhang.
    """
    parts = kind.draw(rng)
    angle = math.radians(rng.uniform(-kind.tilt, kind.tilt))
    cos, sin = math.cos(angle), math.sin(angle)
    turned = np.array([[cos, -sin], [sin, cos]])
    wide = 1 + rng.uniform(-kind.stretch, kind.stretch)
    shear = np.array([[wide, rng.uniform(-0.12, 0.12)], [rng.uniform(-0.05, 0.05), 1.0]])
    mirror = np.array([[pick(rng, (-1.0, 1.0)), 0.0], [0.0, 1.0]])
    matrix = turned @ shear @ mirror
    corners = np.concatenate([part.points for part in parts]) @ matrix.T
    low, high = corners.min(0), corners.max(0)
    size = rng.uniform(0.58, 0.92)  # of the canvas, along the longer side
    scale = size / (high - low).max()
    room = 1 - (high - low) * scale  # [2]
    center = 0.5 + rng.uniform(-0.5, 0.5, 2) * room * 0.9
    shift = center - scale * (low + high) / 2
    return moved(parts, scale * matrix, shift)
