"""Names that say nothing in a prompt, or are there by mistake: warned of and kept."""

from __future__ import annotations

import html
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence, Set
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
    """Warn of names that are there by mistake, as far as that can be seen. They are kept.

    They look like a missing value, like several at once, like a copy of another name, like a folder
    that holds no class, or all like codes.

    Args:
        names: Distinct names.
        kind: "label", "class", "domain" or "group", for the message.
        way_out: What to do where it is one.
        stacklevel: As `warnings.warn` has it.
    """

    def say(found: Sequence[str], looks: str, look: str, advice: str) -> None:
        if found:
            shown = some([repr(name) for name in found], limit=5)
            what = f"{kind} {shown} {looks}" if len(found) == 1 else f"{plural} {shown} {look}"
            warnings.warn(f"the {what}. {advice}", stacklevel=stacklevel + 1)

    plural = plural_of(kind)
    missing = [name for name in names if reads_like_missing(name)]
    say(
        missing,
        f"looks like a missing value, and is kept as a {kind}",
        f"look like missing values, and are kept as {plural}",
        f"If the {kind} is missing, leave out these images; otherwise {way_out}",
    )
    if kind == "group":
        return
    texts = [name for name in names if isinstance(name, str)]
    known = {reads_as(name): name for name in texts}
    copies = [name for name in texts if copied_from(name, known) is not None]
    say(
        copies,
        f"looks like a copy of another {kind}, and is kept as a separate {kind}",
        f"look like copies of other {plural}, and are kept as separate {plural}",
        f"If both are the same {kind}, give them the same name, and leave out images that occur "
        "twice",
    )
    if kind == "domain":
        return
    say(
        [name for name in texts if _several(name, known.keys())],
        f"looks like several at once, and is kept as a separate {kind}",
        f"look like several at once, and are kept as separate {plural}",
        f"An image has one {kind}: give only that one, or leave out images of several",
    )
    say(
        [name for name in texts if reads_as(name) in _NO_CLASSES],
        "looks like a folder that holds no class, and is kept as a class",
        "look like folders that hold no class, and are kept as classes",
        f"If it is not a class, leave out its images; otherwise {way_out}",
    )
    garbled = {name: meant for name in texts if (meant := _meant(name)) != name}
    say(
        list(garbled),
        f"looks garbled ({', '.join(map(repr, garbled.values()))} in another encoding)",
        f"look garbled ({some([repr(one) for one in garbled.values()], limit=5)} in another "
        "encoding)",
        f"Save the table as UTF-8, or {way_out}",
    )
    codes = texts if texts and all(map(_CODE.fullmatch, texts)) else []
    say(
        codes,
        "is a code, which says nothing to a text encoder",
        "are codes, which say nothing to a text encoder",
        way_out[:1].upper() + way_out[1:],
    )


def plural_of(kind: str) -> str:
    """Of "label", "class", "domain" or "group"."""
    return "classes" if kind == "class" else f"{kind}s"


_NO_CLASSES = frozenset(
    {"masks", "mask images", "segmentation masks", "ground truth", "gt", "annotations", "labels"}
    | {"thumbnails", "thumbs", "previews", "results", "runs", "wandb", "mlruns", "checkpoints"}
    | {"new folder", "untitled folder", "untitled", "neuer ordner", "nouveau dossier"}
    | {"nueva carpeta", "nova pasta", "nuova cartella", "unsorted", "to sort", "to delete"}
    | {"新建文件夹", "новая папка"}
)
"""Folders that programs make, or people to put something aside, as `reads_as` gives them."""

_CODE = re.compile(
    r"n\d{8}|[a-z]\d{1,4}|true|false|yes|no|[yntf]"
    r"|(class|label|category|cat|cls|id|type|kind|group)[ _-]?\d+",
    re.IGNORECASE,
)
"""Ids of WordNet, `c0`, `class_1`, `True`: no words for what is to be seen."""


def _meant(name: str) -> str:
    """What a name was before it was read in another encoding (`cafÃ©`), or as HTML has it."""
    text = html.unescape(name)
    if text.isascii():
        return text
    for encoding in ("cp1252", "latin-1"):
        try:
            return text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return text


_COPY = re.compile(
    r"(?:(?:copy|kopie|copie|copia) (?:of|von|de) (?P<behind>.+)"
    r"|(?P<front>.+?)(?: - | |_|-)(?:copy|kopie|copie|copia|backup|bak|dup|duplicate)"
    r"(?:[ _]?\(?\d+\)?)?|(?P<numbered>.+?) ?\(\d+\))",
    re.IGNORECASE,
)


def copied_from(name: str, known: Mapping[str, str]) -> str | None:
    """The other name that this one is a copy of: `cat` of `cat - Copy`, `cat (1)`, `Copy of cat`.

    Args:
        name: The name.
        known: All names, by what they read as.
    """
    found = _COPY.fullmatch(name.strip())
    if found is None:
        return None
    return known.get(reads_as(found["behind"] or found["front"] or found["numbered"]))


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
    """Whether labels are whole numbers written as text, such as "0" to "11", or "0.0" to "11.0"."""
    labels = list(labels)
    return bool(labels) and all(
        isinstance(label, str) and _WHOLE.fullmatch(label.strip()) is not None for label in labels
    )


_WHOLE = re.compile(r"(\d+)(?:\.0+)?", re.ASCII)


def whole_of(label: str) -> int:
    """The number that a label of `numbers_as_text` is."""
    return int(label.strip().partition(".")[0])
