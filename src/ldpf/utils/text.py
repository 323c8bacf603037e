"""Words for messages: counts, short lists, and what a person probably meant."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence


def normalize(name: str) -> str:
    """The name in Unicode's composed form (NFC), as folders copied from a Mac are not."""
    return unicodedata.normalize("NFC", name)


def visible(name: str) -> str:
    """The name as it is seen: composed (NFC), one plain space between words, none around them.

    Control characters and invisible ones (zero-width spaces, byte order marks, soft hyphens, marks
    of direction) are dropped, but not the joiners that emoji and some scripts are spelled with.
    """
    spaced = " ".join(normalize(name).split())  # no-break spaces too
    if spaced.isascii() and spaced.isprintable():
        return spaced
    kept = [c for c in spaced if c in _JOINERS or not _is_invisible(c)]
    return " ".join("".join(kept).split()).strip(_JOINERS)


def looks_like(name: str) -> str:
    """`visible` without joiners: equal for names that look the same on a screen."""
    return "".join(c for c in visible(name) if c not in _JOINERS)


def can_be_written(name: str) -> bool:
    """Whether it is UTF-8 in a file: without half a character, as a damaged name or JSON has it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


_JOINERS = "\u200c\u200d\ufe0e\ufe0f"
"""Between letters of Persian or Indic scripts, and within or after emoji, they mean something."""

_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Letters and marks that show nothing, by another category than their look."""


def _is_invisible(character: str) -> bool:
    return character in _BLANK or unicodedata.category(character) in ("Cf", "Cc")


# Control characters but the end of a line and the tab, and what turns the direction of writing.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


_FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""First signs of a cell that a spreadsheet runs as a formula, or skips to look for one; the wide
forms too, which some read alike."""


def printable(text: str) -> str:
    r"""The text with control characters as escapes (`\x1b`): no terminal obeys them.

    Ends of lines and tabs stay.
    """
    return text if text.isprintable() else _CONTROL.sub(_escaped, text)


def one_line(name: object) -> str:
    """A name for a message: `printable`, and ends of lines and tabs are escapes too."""
    text = str(name)
    return text if text.isprintable() else re.sub(r"[\n\t]", _escaped, printable(text))


def without_formula(cell: str) -> str:
    """A cell of a CSV file with ' before it where a spreadsheet would run it as a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def json_printable(document: str) -> str:
    """A JSON document with control characters as escapes; it means the same."""
    return document if document.isprintable() else _CONTROL.sub(_json_escaped, document)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def _json_escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """' Did you mean 'x'?' for the nearest of `options` (case ignored), or an empty string."""
    by_folded = {option.casefold(): option for option in options}
    near = difflib.get_close_matches(word.casefold(), list(by_folded), n=2, cutoff=0.6)
    if not near:
        return ""
    return " Did you mean " + " or ".join(repr(by_folded[match]) for match in near) + "?"


def quoted(value: object, limit: int = 80) -> str:
    """`repr(value)` for a message, with the middle left out where it is longer than `limit`."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number of thousands of digits; a deep list
        text = f"<a {type(value).__name__}>"
    return shortened(text, limit)


def shortened(text: str, limit: int) -> str:
    """The text, with the middle left out where it is longer than `limit`."""
    if len(text) <= limit:
        return text
    kept = limit - 5
    return f"{text[: kept * 2 // 3]} ... {text[-(kept - kept * 2 // 3) :]}"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 image`, `2,400 images`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def some(items: Sequence[object], limit: int = 20) -> str:
    """`a, b, c and 7 more`: the first items of a list, and how many more there are."""
    more = f" and {len(items) - limit:,} more" if len(items) > limit else ""
    return ", ".join(map(str, items[:limit])) + more


def some_names(names: Sequence[object], limit: int = 20) -> str:
    """`some` of names from a file, which may be of any length and hold anything."""
    return some([shortened(one_line(name), 80) for name in names], limit)


def first_line(error: BaseException) -> str:
    """The first line of an error's message, for a sentence; its class where it has none."""
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
