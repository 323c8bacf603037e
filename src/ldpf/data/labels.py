"""Labels from any source as names or whole numbers: the one set of rules for every entrance.

Folders, manifests, arrays, PyTorch, Hugging Face, embeddings and the estimators all come here.
Nothing is turned into text or a number without a look: what is neither is refused by its row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from enum import Enum
from numbers import Integral, Real
from typing import Any

import numpy as np

from ldpf.data.class_names import checked_names
from ldpf.data.odd_names import numbers_as_text, say_odd_labels, say_odd_names, whole_of
from ldpf.data.reading_names import readable_name, reads_as, refuse_twins
from ldpf.data.rows import listed
from ldpf.errors import DataError
from ldpf.utils.text import can_be_written, looks_like, quoted, some

Label = str | int | bool
"""A label as Python has it."""

_MOST_DIGITS = 400  # of a decimal number that is written out: 1e999999999 has a billion
_LARGEST, _SMALLEST = 2**63 - 1, -(2**63)
"""Of whole numbers that arrays and files hold."""


def read_labels(values: Any, kind: str = "label") -> list[Label]:
    """Labels of one kind: names, whole numbers or truth values.

    Args:
        values: A label for each row: any sequence, iterator, array, tensor, column, or a table of
            one column.
        kind: "label" or "domain", for messages.

    Raises:
        DataError: These are no rows; or a label is missing (None, NaN, NaT, masked), neither a name
            nor a whole number, or of another kind than those before it.
    """
    labels = [plain_label(value, row, kind) for row, value in enumerate(listed(values, kind))]
    first = next(iter(labels), None)
    for row, label in enumerate(labels):
        if type(label) is not type(first):
            raise DataError(
                f"row 0 has the {kind} {first!r}, {_KINDS[type(first)]}, but row {row} has "
                f"{label!r}, {_KINDS[type(label)]}; give one kind"
            )
    return labels


_KINDS: dict[type, str] = {str: "a name", int: "a number", bool: "a truth value"}


def texts_of(values: Iterable[Any], places: Iterable[str], column: str) -> list[str]:
    """A column of a typed table as text, "" where it is missing or shows nothing.

    Args:
        values: As Arrow or JSON have them.
        places: Where each is, for messages.
        column: Its name. A `path` is a text; others are names or whole numbers, labels and domains
            all of one kind.

    Raises:
        DataError: A value is neither, such as a list or a date; or of another kind than others.
    """
    texts = []
    first: tuple[str, Label] | None = None
    equal: dict[str, str] = {}  # one object in memory for all that are equal
    repeats = column != "path"
    for value, place in zip(values, places, strict=True):
        if first is not None and type(first[1]) is type(value) and is_plain(value):
            # What the rest comes to, a million times. One object for all that are equal.
            texts.append(
                equal.setdefault(text := value.strip(), text) if repeats else value.strip()
            )
            continue
        plain = plain_value(value)
        if is_missing(plain) or (isinstance(plain, str) and not looks_like(plain)):
            texts.append("")
            continue
        found = plain_label(plain, place, column)
        if column == "path" and not isinstance(found, str):
            raise DataError(f"{place} has the path {quoted(plain)}; give a text")
        first = first or (place, found)
        if column in ("label", "domain") and type(found) is not type(first[1]):
            raise DataError(
                f"{first[0]} has the {column} {first[1]!r}, {_KINDS[type(first[1])]}, but {place} "
                f"has {found!r}, {_KINDS[type(found)]}; give one kind"
            )
        texts.append(str(found).strip())
    return texts


def is_plain(value: Any) -> bool:
    """Whether a value is a text with a letter or digit of ASCII and nothing invisible."""
    return isinstance(value, str) and _PLAIN.match(value) is not None


_PLAIN = re.compile(r"[ -/:-@\[-`{-~]*[0-9A-Za-z][ -~]*\Z")


def plain_label(value: Any, row: int | str, kind: str = "label") -> Label:
    """One label as a name, a whole number or a truth value.

    Args:
        value: As any library has it. Bytes are UTF-8; 1.0 is 1, as a column with gaps has it.
        row: The number of its row, or a place in words.
        kind: "label" or "domain", for messages.

    Raises:
        DataError: As said in `read_labels`.
    """
    where = row if isinstance(row, str) else f"row {row}"
    found = plain_value(value)
    if kind == "group" and isinstance(found, float) and math.isfinite(found):
        return str(int(found)) if found.is_integer() else str(found)  # a time, for example
    if isinstance(found, bytes):
        try:
            found = found.decode()
        except UnicodeDecodeError:
            raise DataError(
                f"{where} has the {kind} {quoted(found)}, bytes that are not UTF-8; give a name"
            ) from None
    if isinstance(found, str):
        if not reads_as(found):
            raise DataError(f"{where} has the {kind} {found!r}, which is empty; give a name")
        if kind != "path" and not can_be_written(found):  # a file's name may be any bytes
            raise DataError(
                f"{where} has the {kind} {quoted(found)}, which is not valid UTF-8; rename it"
            )
        return str.__str__(found)  # of an enumeration its value, not the name of its member
    if isinstance(found, bool):
        return found
    vast = isinstance(found, Decimal) and found.adjusted() > _MOST_DIGITS
    if isinstance(found, Decimal | Real) and not is_missing(found) and not vast:
        with suppress(OverflowError, ValueError):  # of an infinite one
            whole = int(found)  # type: ignore[arg-type]
            found = whole if whole == found else found
    if isinstance(found, Integral):
        if not _SMALLEST <= int(found) <= _LARGEST:
            raise DataError(
                f"{where} has the {kind} {quoted(found)}, which is beyond whole numbers of 64 "
                f"bits; give it as text: '{kind} {quoted(found, 40)}'"
            )
        return int(found)
    if hasattr(found, "__len__"):
        raise DataError(f"{where} has the {kind} {_several(found, kind)}")
    raise DataError(f"{where} has the {kind} {quoted(found)}; give a name or a whole number")


def plain_value(value: Any) -> Any:
    """A value of NumPy, PyTorch, Arrow or pandas as Python's own; vectors as lists."""
    if value is np.ma.masked:
        return None
    if hasattr(value, "as_py"):  # of Arrow
        return value.as_py()
    if isinstance(value, str | bytes | int):  # np.str_ and np.bytes_ too
        return value
    if isinstance(value, Enum):
        return value.value
    if hasattr(value, "to_list"):  # of polars
        return value.to_list()
    if hasattr(value, "tolist"):
        found = value.tolist()
        while isinstance(found, list) and len(found) == 1:
            found = found[0]
        return found
    return value


def is_missing(value: Any) -> bool:
    """Whether a plain value means that there is none: None, NaN, pandas' NA and NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, Decimal):
        return value.is_nan()  # a signaling one (sNaN) can be compared with nothing
    return isinstance(value, Real) and value != value


def ids_of(
    values: Any, names: Sequence[str] | None, kind: str, *, quiet: bool = False
) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and ids [N] int64 of labels or domains.

    Args:
        values: Numbers into `names`, or names themselves; without `names` any numbers or strings,
            which are then named after themselves, sorted (numbers written as text by value).
        names: All names there are, or None.
        kind: "label" or "domain".
        quiet: Without warnings, for a check in advance.

    Raises:
        DataError: As `read_labels` does; or a value has no name, or two read the same.
    """
    plain = read_labels(values, kind)
    if names is not None:
        return _looked_up(plain, names, kind)
    distinct = in_order(set(plain))
    if kind == "label" and not quiet:
        say_odd_labels(distinct)
    elif not quiet:
        say_odd_names(distinct, kind, f"give it another name in {kind}s", stacklevel=4)
    words = [named_after(label, kind) for label in distinct]
    refuse_twins(words, distinct, kind, "give them different names, or one if they are the same")
    place = {value: i for i, value in enumerate(distinct)}
    return tuple(words), np.array([place[value] for value in plain], np.int64)


def in_order(labels: Iterable[Any]) -> list[Any]:
    """Labels sorted; numbers that are written as text by value, so that "10" follows "9"."""
    labels = sorted(labels)  # also where two have one value, such as "01" and "1"
    return sorted(labels, key=whole_of) if numbers_as_text(labels) else labels


def named_after(label: Any, kind: str = "label") -> str:
    """A label's own name in words. The hyphen of -1 is a sign, that of `sea-lion` a space."""
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    if not isinstance(label, str):
        return str(label)
    return readable_name(label) if kind == "label" else label.strip()


def _looked_up(
    plain: Sequence[Label], names: Sequence[str], kind: str
) -> tuple[tuple[str, ...], np.ndarray]:
    known = checked_names(names, "class_names" if kind == "label" else "domain_names")
    index: dict[Any, int] = {name: i for i, name in enumerate(known)}
    index |= {reads_as(name): i for i, name in enumerate(known)}
    numbers = numbers_as_text(plain) and not any(label in index for label in plain)
    ids = []
    for row, label in enumerate(plain):
        if isinstance(label, str):
            place = whole_of(label) if numbers else index.get(label, index.get(reads_as(label), -1))
        else:
            place = int(label)
        if not 0 <= place < len(known):
            none = "; -1 often means that there is none: leave such rows out" if label == -1 else ""
            raise DataError(
                f"row {row} has the {kind} {label!r}, which is none of the {len(known)} named: "
                f"{some(known, limit=10)} (0 to {len(known) - 1}){none}"
            )
        ids.append(place)
    return known, np.array(ids, np.int64)


def _several(value: Any, kind: str) -> str:
    """What a row with several values looks like, and the way out."""
    shown = quoted(value)
    numbers = isinstance(value, list | tuple) and all(isinstance(one, Real) for one in value)
    if not numbers or len(value) < 2:
        return f"{shown}, a {type(value).__name__}; give one name or whole number for each image"
    if all(one in (0, 1) for one in value):
        if sum(value) == 1:
            return f"{shown}, which looks one-hot; give class ids, as {kind}s.argmax(axis=1) does"
        return (
            f"{shown}, which looks like {sum(value):g} of {len(value)} classes at once; give one "
            f"{kind} for each image, and leave out images of several or none"
        )
    if all(one >= 0 for one in value) and math.isclose(sum(value), 1, abs_tol=0.01):
        return (
            f"{shown}, which looks like probabilities; give class ids, as {kind}s.argmax(axis=1) "
            "does"
        )
    return f"{shown}, {len(value)} numbers; give one name or whole number for each image"
