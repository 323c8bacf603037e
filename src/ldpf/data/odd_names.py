"""Names that say nothing in a prompt, or are there by mistake: warned of and kept."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence, Set
from typing import Any

from ldpf.data.reading_names import reads_as
from ldpf.utils.text import some

_MISSING_WORDS = frozenset(
    {"nan", "-nan", "null", "none", "nil", "n/a", "n.a.", "n.a", "<na>", "nat", "inf", "-inf"}
    | {"#n/a", "#na", "#n/a n/a", "#ref!", "#value!", "#name?", "#div/0!", "#num!", "#null!"}
    | {"undefined", "unlabeled", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"}
)
"""How missing values look as text, case folded: those of programs, then errors of spreadsheets."""

_BLANKS = frozenset("-\u2010\u2011\u2012\u2013\u2014\u2212_.?*/\u2026")
"""Signs that a person writes where there is nothing to write."""


def say_odd_labels(labels: Sequence[Any]) -> None:
    """Warn of labels that say nothing in a prompt, or look like a missing value. They are kept.

    Args:
        labels: Distinct labels that were given no other name.
    """
    numbers = bool(labels) and not isinstance(labels[0], str)
    if numbers or numbers_as_text(labels):
        warnings.warn(
            f"The labels are numbers ({list(labels[:3])}, ...), which say nothing to a text "
            "encoder; pass class_names with the words for them.",
            stacklevel=5,
        )
    say_odd_names(labels, "label", "say what it shows with class_names", stacklevel=6)


def say_odd_names(names: Sequence[Any], kind: str, way_out: str, *, stacklevel: int = 3) -> None:
    """Warn of names that look like a missing value, or like several at once. They are kept.

    Args:
        names: Distinct names.
        kind: "label", "class", "domain" or "group", for the message.
        way_out: What to do where it is one.
        stacklevel: As `warnings.warn` has it.
    """
    missing = [repr(name) for name in names if reads_like_missing(name)]
    if missing:
        warnings.warn(
            f"the {kind} {some(missing, limit=5)} looks like a missing value, and is kept as a "
            f"{kind} like any other. Leave out the images it stands at if they have none; if it is "
            f"one, {way_out}",
            stacklevel=stacklevel,
        )
    if kind not in ("label", "class"):
        return
    known = {reads_as(name) for name in names if isinstance(name, str)}
    several = [repr(name) for name in names if isinstance(name, str) and _several(name, known)]
    if several:
        warnings.warn(
            f"the {kind} {some(several, limit=5)} looks like several at once, and is kept as a "
            f"{kind} of its own. An image has one {kind}: give the one that is meant, or leave out "
            "images of several",
            stacklevel=stacklevel,
        )


def reads_like_missing(label: Any) -> bool:
    """Whether a name is how a missing value looks as text: NaN, NULL, NA, #N/A, -, ? ..."""
    if not isinstance(label, str):
        return False
    word = label.strip()
    return word == "NA" or word.casefold() in _MISSING_WORDS or not set(word) - _BLANKS


def _several(name: str, known: Set[str]) -> bool:
    """Whether a name is a list in text, or is put together of others: `cat;dog`, `['cat']`."""
    inside = name.strip()
    if inside[:1] + inside[-1:] in ("[]", "{}"):
        return True
    parts = [reads_as(part) for part in _BETWEEN.split(inside)]
    return len(parts) > 1 and all(part in known for part in parts)


_BETWEEN = re.compile(r"\s*[;,|/&+]\s*")


def numbers_as_text(labels: Iterable[Any]) -> bool:
    """Whether labels are whole numbers written as text, such as "0" to "11"."""
    labels = list(labels)
    return bool(labels) and all(
        isinstance(label, str) and label.isascii() and label.strip().isdecimal() for label in labels
    )
