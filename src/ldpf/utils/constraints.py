"""What a setting may be, declared once beside its field and checked in one place.

A part with settings names the allowed values of each field, and checks them when it is made:

    @dataclass(frozen=True)
    class Similarity:
        tau: float = field(default=0.1, metadata=constraint(Number(above=0, float32=True)))
        rounds: int | None = field(default=None, metadata=constraint(Whole(at_least=1), none=True))
        space: str = field(default="sphere", metadata=constraint(OneOf(("sphere", "plane"))))

        def __post_init__(self) -> None:
            check_fields(self)

`Similarity(tau=0)` then raises a SettingsError: "tau=0 should be a finite number above 0 that
float32 can hold." Conditions on several fields together stay in `__post_init__`, below the call.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Collection
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any, Protocol

from ldpf.errors import SettingsError
from ldpf.utils.text import can_be_written, did_you_mean, quoted

_KEY = "ldpf.constraint"
_SMALLEST_NORMAL = 2.0**-126  # of float32


class Constraint(Protocol):
    """A set of allowed values and its description, which completes "NAME=VALUE should be ..."."""

    def allows(self, value: Any) -> bool:
        """Whether `value` is one of them; False also for values of another type."""
        ...

    def __str__(self) -> str: ...


@dataclass(frozen=True)
class Number:
    """Finite numbers in a range.

    Attributes:
        at_least, above: lower end of the range, included or excluded.
        at_most, below: upper end of the range, included or excluded.
        float32: the number must also be finite in float32, and zero or a normal number there.
    """

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    float32: bool = False

    def allows(self, value: Any) -> bool:
        """Whether `value` is a finite number in the range."""
        if not isinstance(value, Real) or isinstance(value, bool):
            return False
        try:
            number = float(value)
        except OverflowError:  # a whole number beyond every float
            return False
        return (
            math.isfinite(number)
            and (self.at_least is None or number >= self.at_least)
            and (self.above is None or number > self.above)
            and (self.at_most is None or number <= self.at_most)
            and (self.below is None or number < self.below)
            and (not self.float32 or _fits_float32(number))
        )

    def __str__(self) -> str:
        kind = "a finite number" + self._range()
        return f"{kind} that float32 can hold" if self.float32 else kind

    def _range(self) -> str:
        if self.at_least is not None and self.at_most is not None:
            return f" from {_in_words(self.at_least)} to {_in_words(self.at_most)}"
        words = {
            "of at least": self.at_least,
            "above": self.above,
            "of at most": self.at_most,
            "below": self.below,
        }
        parts = [f"{word} {_in_words(end)}" for word, end in words.items() if end is not None]
        return f" {' and '.join(parts)}" if parts else ""


def _in_words(end: float) -> str:
    """An end of a range; whole ones with all of their digits."""
    return f"{end:,}" if isinstance(end, int) and end >= 10_000 else f"{end:g}"


@dataclass(frozen=True)
class Whole(Number):
    """Whole numbers in a range; `Number` says what the attributes mean."""

    def allows(self, value: Any) -> bool:
        """Whether `value` is a whole number in the range, of an integer type."""
        return isinstance(value, Integral) and super().allows(value)

    def __str__(self) -> str:
        return "a whole number" + self._range()


SEED = Whole(at_least=0, at_most=2**32 - 1)
"""Seeds: NumPy's older generators, which scikit-learn draws from, take no others."""

RATE = Number(above=0, at_most=1e6)
"""Learning rates: Adam divides them by as little as 0.1, and the step must be a float32."""


@dataclass(frozen=True)
class Text:
    """Texts that are not empty.

    Attributes:
        at_most: letters.
        empty: an empty one is allowed too.
        whole: without half a character, which JSON can hold (`"\\ud800"`) and no tokenizer reads.
    """

    at_most: int | None = None
    empty: bool = False
    whole: bool = False

    def allows(self, value: Any) -> bool:
        """Whether `value` is such a text."""
        if not isinstance(value, str) or not (value or self.empty):
            return False
        if self.whole and not can_be_written(value):
            return False
        return self.at_most is None or len(value) <= self.at_most

    def __str__(self) -> str:
        limit = "" if self.at_most is None else f" of at most {self.at_most:,} letters"
        kind = "a text" if self.empty else "a text that is not empty"
        return kind + (" and has no half characters" if self.whole else "") + limit


@dataclass(frozen=True)
class Flag:
    """True and False."""

    def allows(self, value: Any) -> bool:
        """Whether `value` is one of the two."""
        return isinstance(value, bool)

    def __str__(self) -> str:
        return "true or false"


@dataclass(frozen=True)
class OneOf:
    """Names from a list, or from a registry, which is read only when a value is checked."""

    choices: Collection[Any]

    def allows(self, value: Any) -> bool:
        """Whether `value` is one of the choices."""
        return any(value == choice for choice in self.choices)

    def __str__(self) -> str:
        return f"one of {', '.join(map(str, self.choices))}"


@dataclass(frozen=True)
class Each:
    """Tuples or lists of at least one entry, each of which `item` allows."""

    item: Constraint

    def allows(self, value: Any) -> bool:
        """Whether `value` is such a tuple or list."""
        return isinstance(value, tuple | list) and bool(value) and all(map(self.item.allows, value))

    def __str__(self) -> str:
        return f"a list with at least one entry, each {self.item}"


@dataclass(frozen=True)
class Either:
    """Values that `first` or `second` allows, such as a number or the name of a rule."""

    first: Constraint
    second: Constraint

    def allows(self, value: Any) -> bool:
        """Whether one of the two allows `value`."""
        return self.first.allows(value) or self.second.allows(value)

    def __str__(self) -> str:
        return f"{self.first}, or {self.second}"


@dataclass(frozen=True)
class OrNone:
    """Values that `item` allows, and None."""

    item: Constraint

    def allows(self, value: Any) -> bool:
        """Whether `value` is None, or allowed."""
        return value is None or self.item.allows(value)

    def __str__(self) -> str:
        return f"{self.item}, or None"


def constraint(allowed: Constraint, *, none: bool = False) -> dict[str, Constraint]:
    """The `metadata` of a dataclass field with these allowed values.

    Args:
        allowed: the values.
        none: None is allowed too.
    """
    return {_KEY: OrNone(allowed) if none else allowed}


LATER = "ldpf.later"
"""The key in a field's `metadata` of a setting that came after results were kept: at its default it
is in no stored settings, so that results of before are those of today."""


def later(allowed: Constraint) -> dict[str, Any]:
    """As `constraint`, for a setting that came later."""
    return {**constraint(allowed), LATER: True}


COUNT = constraint(Whole(at_least=1))
"""The `metadata` of a field that counts something, at least one."""

COUNT_OR_NONE = constraint(Whole(at_least=1), none=True)
"""The same for a field that may be None."""


def check_value(name: str, value: Any, allowed: Constraint) -> None:
    """Check one value, such as an argument of a function.

    Raises:
        SettingsError: it is not allowed; names it, the value and what is.
    """
    if not allowed.allows(value):
        hint = ""
        if isinstance(allowed, OneOf) and isinstance(value, str):
            hint = did_you_mean(value, map(str, allowed.choices))
        raise SettingsError(f"{name}={quoted(value)} should be {allowed}.{hint}")


def check_fields(settings: Any) -> None:
    """Check every field of a dataclass object that was declared with `constraint`.

    Raises:
        SettingsError: for the first field with a value that is not allowed.
    """
    for field in fields(settings):
        if (allowed := field.metadata.get(_KEY)) is not None:
            check_value(field.name, getattr(settings, field.name), allowed)


def _fits_float32(value: float) -> bool:
    try:
        (rounded,) = struct.unpack("<f", struct.pack("<f", value))
    except OverflowError:
        return False
    # Below the normal range, float32 keeps few digits, and 1 / value is infinite.
    return value == 0 or abs(rounded) >= _SMALLEST_NORMAL
