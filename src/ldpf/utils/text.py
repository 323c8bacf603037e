"""Words for messages: counts, short lists, and what a person probably meant."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence


def normalise(name: str) -> str:
    """The name in Unicode's composed form (NFC), as folders copied from a Mac are not."""
    return unicodedata.normalize("NFC", name)


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """' Did you mean 'x'?' for the nearest of `options` (case ignored), or an empty string."""
    by_folded = {option.casefold(): option for option in options}
    near = difflib.get_close_matches(word.casefold(), list(by_folded), n=2, cutoff=0.6)
    if not near:
        return ""
    return " Did you mean " + " or ".join(repr(by_folded[match]) for match in near) + "?"


def _short_list(names: tuple[str, ...], limit: int = 20) -> str:
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 image`, `2,400 images`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def some(names: Sequence[str], limit: int) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
