"""What a JSON file should hold, declared field by field; a refusal names the field.

A schema is a constraint (`ldpf.utils.constraints`): `Record` stands for objects and `ListOf` for
lists, with the constraints of what is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ldpf.utils.constraints import Constraint, Either, OrNone
from ldpf.utils.text import quoted


@dataclass(frozen=True)
class Record:
    """JSON objects.

    Attributes:
        required: fields that must be there, with what they may hold.
        optional: fields that may be there.
        others: what fields of other names may hold; None for anything.
    """

    required: Mapping[str, Constraint] = field(default_factory=dict)
    optional: Mapping[str, Constraint] = field(default_factory=dict)
    others: Constraint | None = None

    def allows(self, value: Any) -> bool:
        """Whether `value` is such an object."""
        return first_problem("", value, self) is None

    def problem(self, name: str, value: Any) -> str | None:
        """What is wrong with `value`; None for nothing."""
        if not isinstance(value, dict):
            return f"{name or 'it'} is {quoted(value)}, and should be {self}"
        if missing := [key for key in self.required if key not in value]:
            return f"{name or 'it'} lacks {', '.join(missing)}"
        for key, content in value.items():
            allowed = self.required.get(key) or self.optional.get(key) or self.others
            if allowed is not None:
                label = key if len(key) <= 80 else f"{key[:77]}..."
                inner = f"{name}.{label}" if name else label
                if (found := first_problem(inner, content, allowed)) is not None:
                    return found
        return None

    def __str__(self) -> str:
        return "an object with named fields"


@dataclass(frozen=True)
class ListOf:
    """JSON lists.

    Attributes:
        item: what each entry may be.
        at_least: how many there must be.
    """

    item: Constraint
    at_least: int = 0

    def allows(self, value: Any) -> bool:
        """Whether `value` is such a list."""
        return first_problem("", value, self) is None

    def problem(self, name: str, value: Any) -> str | None:
        """What is wrong with `value`; None for nothing."""
        if not isinstance(value, list) or len(value) < self.at_least:
            return f"{name or 'it'} is {quoted(value)}, and should be {self}"
        for number, entry in enumerate(value):
            found = first_problem(f"{name}[{number}]", entry, self.item)
            if found is not None:
                return found
        return None

    def __str__(self) -> str:
        return f"a list with {self.at_least} entries or more" if self.at_least else "a list"


@dataclass(frozen=True)
class Rows(ListOf):
    """JSON lists of lists that are equally long, as a matrix is written.

    Attributes:
        square: there are as many rows as columns.
    """

    square: bool = False

    def problem(self, name: str, value: Any) -> str | None:
        """What is wrong with `value`; None for nothing."""
        found = ListOf(ListOf(self.item), self.at_least).problem(name, value)
        if found is not None:
            return found
        wide = len(value) if self.square else len(value[0]) if value else 0
        for number, row in enumerate(value):
            if len(row) != wide:
                return f"{name}[{number}] has {len(row)} entries, and should have {wide}"
        return None


def first_problem(name: str, value: Any, allowed: Constraint) -> str | None:
    """What is wrong with a value, with the name of the field; None for nothing.

    Args:
        name: of the value, "" for a whole file.
        value: as JSON gives it.
        allowed: its schema.
    """
    if isinstance(allowed, OrNone):
        return None if value is None else first_problem(name, value, allowed.item)
    if isinstance(allowed, Record | ListOf):
        return allowed.problem(name, value)
    if allowed.allows(value):
        return None
    if isinstance(allowed, Either) and (inner := _meant(allowed, value)) is not None:
        return first_problem(name, value, inner)
    return f"{name or 'it'} is {quoted(value)}, and should be {allowed}"


def _meant(allowed: Either, value: Any) -> Record | ListOf | None:
    """Which of two schemas an object or a list was meant for; None for neither."""
    for one in (allowed.first, allowed.second):
        found = _meant(one, value) if isinstance(one, Either) else one
        if isinstance(found, Record) and isinstance(value, dict):
            return found
        if isinstance(found, ListOf) and isinstance(value, list):
            return found
    return None


def check_content(value: Any, allowed: Constraint, name: str = "") -> None:
    """Check a value that was read; raises ValueError with what `first_problem` says."""
    if (problem := first_problem(name, value, allowed)) is not None:
        raise ValueError(problem)
