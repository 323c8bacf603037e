"""What a name is to a reader: the words of a prompt, and which names read the same."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from ldpf.errors import DataError, LdpfError
from ldpf.utils.text import looks_like, normalize, visible


def readable_name(folder: str) -> str:
    """The class name for a prompt: ``alarm_clock`` and ``alarm-clock`` become ``alarm clock``.

    Underscores and hyphens become spaces, runs of spaces one, and characters that cannot be seen
    and quotes around all of it are dropped; nothing else changes, so ``TV``, ``CamelCase`` and
    ``001.Albatross`` stay. A name of nothing but separators stays whole.
    """
    seen = visible(folder)
    if _NUMBER.fullmatch(seen):  # the hyphen of -1 is a sign
        return seen
    if len(seen) > 2 and seen[0] + seen[-1] in _QUOTES and seen[0] not in seen[1:-1]:
        seen = seen[1:-1]
    words = seen.replace("_", " ").replace("-", " ").split()
    return " ".join(words) or visible(folder) or folder


_QUOTES = frozenset({"''", '""', "\u2018\u2019", "\u201c\u201d", "\u00ab\u00bb", "``"})
"""Opening and closing ones, as tables that were exported twice keep around their texts."""


@functools.lru_cache(maxsize=4096)
def reads_as(name: str) -> str:
    """What a name is to a reader: two names for which this is equal are one prompt.

    Case, underscores, hyphens, spaces, the form of Unicode and invisible characters do not count,
    nor quotes around it, a full stop or comma behind it, and how letters are drawn that look
    alike: of full width, joined, or Cyrillic and Greek ones that are drawn as Latin ones. All
    dashes are one, and all apostrophes. `01` and `1.0` are `1`. Empty where nothing can be seen.
    """
    if number := _NUMBER.fullmatch(name.strip()):
        sign, digits, decimals = number.groups()  # the hyphen of -1 is a sign
        return f"{sign.replace('+', '')}{digits.lstrip('0') or '0'}{_ZEROS.sub('', decimals or '')}"
    # Of capitals between Latin letters only: in a word of its own alphabet each has its small one.
    mixed = name.translate(_LOOK_ALIKE) if _LATIN.search(name) else name
    words = _small_letters(mixed).translate(_LOOK_ALIKE)
    words = " ".join(words.replace("-", " ").split()) or words
    return words.strip(_AROUND) or words


def _small_letters(name: str) -> str:
    """What can be seen of a name, in small letters of their plainest form."""
    drawn = unicodedata.normalize("NFKC", looks_like(readable_name(name)))
    return normalize(drawn.casefold())


_NUMBER = re.compile(r"([-+]?)(\d+)(\.\d+)?", re.ASCII)
_LATIN = re.compile("[A-Za-z]")
_ZEROS = re.compile(r"\.0+")
_AROUND = " \"'\u2018\u2019\u201c\u201d\u00ab\u00bb`.,;:"
# Letters that are drawn as Latin ones: typed with another layout, no one sees it. Capitals and
# small ones apart, since of some only one of the two looks like another letter.
_LOOK_ALIKE = str.maketrans(
    # Cyrillic, then Greek
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u04bb"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0406\u0408\u0405"
    "\u03bf\u03bd\u03c1\u03c5\u03b9\u03b1\u03ba\u03c7"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
    # Dashes and the sign of multiplication; apostrophes
    "\u2010\u2011\u2012\u2013\u2014\u2212\u00d7\u2019\u2018\u02bc\u00b4\u0060",
    "aeopcyxijsdhABEKMHOPCTYXIJSovpuiakxABEZHIKMNOPTYX------x'''''",
)


def refuse_twins(
    names: Sequence[str],
    labels: Sequence[Any],
    kind: str,
    way_out: str,
    *,
    error: type[LdpfError] = DataError,
) -> None:
    """Refuse classes or domains that would have the same name, so that no prompt tells them apart.

    Args:
        names: Of each, as a person reads it.
        labels: What the data calls them: folder names, labels or ids.
        kind: "class", "label" or "domain", for the message.
        way_out: What to do about it.
        error: The type raised.

    Raises:
        DataError: Two names read the same; or what `error` says.
    """
    pair = _twins(tuple(names))
    if pair is None:
        return
    first, second = (labels[i] for i in pair)
    shown = [repr(label) for label in (first, second)]
    if isinstance(first, str) and (
        normalize(first) == normalize(second) or _has_look_alike(first) != _has_look_alike(second)
    ):
        shown = [ascii(label) for label in (first, second)]  # they look the same on a screen
    kinds = "classes" if kind == "class" else f"{kind}s"
    raise error(
        f"the {kinds} {shown[0]} and {shown[1]} would both be called {names[pair[1]]!r}; {way_out}"
    )


def _has_look_alike(name: str) -> bool:
    return name.translate(_LOOK_ALIKE) != name


@functools.lru_cache(maxsize=256)
def _twins(names: tuple[str, ...]) -> tuple[int, int] | None:
    """The places of the first two names that read the same."""
    seen: dict[str, int] = {}
    for place, name in enumerate(names):
        other = seen.setdefault(reads_as(name), place)
        if other != place:
            return other, place
    return None
