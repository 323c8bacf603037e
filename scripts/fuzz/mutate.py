"""Damage to bytes and to JSON, drawn from a generator."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def damaged(content: bytes, draws: np.random.Generator, other: bytes = b"") -> bytes:
    """One to four pieces of damage.

    Args:
        content: to be damaged.
        draws: decide what is done where.
        other: of which pieces may get into it.
    """
    for _ in range(int(draws.integers(1, 5))):
        content = _damage(content, draws, other)
    return content


def _damage(content: bytes, draws: np.random.Generator, other: bytes) -> bytes:
    data = bytearray(content)
    size = len(data)
    if size == 0:
        return other[: int(draws.integers(0, 64))]
    # Headers decide most, so half of all damage is near the beginning.
    at = int(draws.integers(0, min(size, 256) if draws.random() < 0.5 else size))
    length = int(draws.integers(1, max(2, min(size, 4096))))
    kind = int(draws.integers(0, 10))
    if kind == 0:
        data[at] ^= 1 << int(draws.integers(0, 8))
    elif kind == 1:
        data[at] = int(draws.integers(0, 256))
    elif kind == 2:
        del data[at:]
    elif kind == 3:
        del data[at : at + length]
    elif kind == 4:
        data[at:at] = draws.bytes(length)
    elif kind == 5:
        data[at : at + length] = bytes(min(length, size - at))
    elif kind == 6:
        data[at:at] = data[at : at + length]
    elif kind == 7:
        number = int(draws.choice(_NUMBERS))
        width, order = int(draws.choice((2, 4))), "big" if draws.random() < 0.5 else "little"
        data[at : at + width] = (number & (256**width - 1)).to_bytes(width, order)
    elif kind == 8:
        start = int(draws.integers(0, max(1, len(other))))
        data[at : at + length] = other[start : start + length]
    else:
        data = data[at:] if draws.random() < 0.2 else data[:at] + bytearray(other)
    return bytes(data)


# Values that a JSON file may hold where something else is meant.
def strange_values(draws: np.random.Generator) -> list[Any]:
    """Of every type, and of every size that has been a trouble."""
    return [
        None,
        True,
        False,
        0,
        1,
        -1,
        2**31,
        2**63,
        -(2**63) - 1,
        10**400,
        0.5,
        -0.0,
        1e-45,
        1e-300,
        1e300,
        float("nan"),
        float("inf"),
        -float("inf"),
        "",
        " ",
        "x",
        "0",
        "nan",
        "../../etc/passwd",
        "a\x00b",
        "\ud800",
        "\x1b[31m",
        "=1+1",
        "é" * 300,
        "x" * int(draws.integers(1, 200_000)),
        [],
        [None],
        [[]],
        [1, "a", None],
        [0.5] * 100,
        {},
        {"": None},
        {"name": 3},
        {"name": "x", "tau": "y"},
        nested(int(draws.integers(2, 400))),
    ]


def nested(depth: int) -> Any:
    """Lists in lists."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to everything in a JSON document but the whole."""
    if isinstance(content, dict):
        inner = list(content.items())
    elif isinstance(content, list):
        inner = list(enumerate(content))
    else:
        inner = []
    for key, value in inner:
        yield (*path, key)
        yield from places(value, (*path, key))


def damaged_json(
    content: Any, draws: np.random.Generator
) -> tuple[bytes, tuple[tuple[Any, ...], ...]]:
    """A JSON document with something else in one to three of its places.

    Returns:
        The text of the document, and the paths that were changed.
    """
    content = copy.deepcopy(content)
    changed: list[tuple[Any, ...]] = []
    for _ in range(int(draws.integers(1, 4))):
        paths = list(places(content))
        if not paths:
            break
        # Short paths are few, and matter most.
        top = [path for path in paths if len(path) == 1]
        pool = top if draws.random() < 0.4 else paths
        path = pool[int(draws.integers(len(pool)))]
        _change(content, path, draws)
        changed.append(path)
    return as_json(content), tuple(changed)


def as_json(content: Any) -> bytes:
    """JSON of whatever Python can hold, also what is no JSON to others (NaN)."""
    return json.dumps(content).encode("utf-8", "surrogatepass")


def _change(content: Any, path: tuple[Any, ...], draws: np.random.Generator) -> None:
    *way, last = path
    holder = content
    for key in way:
        holder = holder[key]
    value = holder[last]
    strange = strange_values(draws)
    kind = int(draws.integers(0, 8))
    if kind == 0:
        del holder[last]
    elif kind == 1 and isinstance(value, list):
        value.append(strange[int(draws.integers(len(strange)))])
    elif kind == 2 and isinstance(value, list | dict):
        value.clear()
    elif kind == 3 and isinstance(holder, dict):
        holder["another " + str(last)] = holder.pop(last)
    elif kind == 4 and isinstance(value, int | float) and not isinstance(value, bool):
        scale = float(draws.choice((-1, 0, 1e-30, 1e10, 1e38, 1e39, 1e308)))
        holder[last] = scale * (float(value) if abs(value) < 1e300 else 1e300)
    elif kind == 5 and isinstance(value, int):
        holder[last] = int(value) + int(draws.choice((-1, 1, 2, 1000)))
    else:
        holder[last] = strange[int(draws.integers(len(strange)))]
