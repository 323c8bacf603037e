"""Columns of a table under other names: proposed in a message, taken with `columns`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ldpf.errors import DataError, SettingsError
from ldpf.utils.text import did_you_mean, some_names, visible
from ldpf.utils.ways import setting

COLUMNS = ("path", "label", "domain", "split", "group")
"""The columns of a manifest."""

_OTHER_NAMES = {
    "path": (
        *("filename", "file_name", "file name", "file", "image", "image_path", "image path", "img"),
        *("filepath", "file_path", "image_name", "photo", "picture", "image_id"),
    ),
    "label": (
        *("class", "category", "class_name", "class name", "category_name", "species"),
        *("target", "annotation", "common_name", "label_name", "diagnosis", "tag"),
    ),
}
"""What path and label are called elsewhere, the surest first. None is taken without being asked."""


def parse_columns(columns: str | Mapping[str, str] | None) -> dict[str, str]:
    """What columns of a table are called there.

    Args:
        columns: "path=filename,label=class", or the same as a mapping; None for the usual names.

    Raises:
        SettingsError: it is of another form, names a column twice, or one that does not exist here.
    """
    if columns is None:
        return {}
    if isinstance(columns, Mapping):
        pairs = [(str(ours), str(theirs)) for ours, theirs in columns.items()]
    else:
        parts = [part.partition("=") for part in columns.split(",")]
        if not all(equals and theirs.strip() for _, equals, theirs in parts):
            raise SettingsError(
                f"columns={columns!r} should say what columns are called in the table, as in "
                f"{setting('columns', 'path=filename,label=class')}."
            )
        pairs = [(ours, theirs) for ours, _, theirs in parts]
    found: dict[str, str] = {}
    for ours, theirs in pairs:
        name = ours.strip().lower()
        if name not in COLUMNS:
            raise SettingsError(
                f"columns: {ours!r} is none of {', '.join(COLUMNS)}.{did_you_mean(name, COLUMNS)}"
            )
        if name in found:
            raise SettingsError(f"columns: {name!r} is given twice; keep one.")
        found[name] = visible(theirs).lower()
    return found


def renamed(file: Path, header: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    """The header with the usual names in place of those in `columns`.

    A column that has a usual name already, while another one was named for it, loses it.

    Raises:
        DataError: a column that was named is not there.
    """
    names = list(header)
    for ours, theirs in columns.items():
        if theirs not in header:
            raise DataError(
                f"{file} has no column {theirs!r}, which should be its {ours}."
                f"{did_you_mean(theirs, header)} Its columns are: {some_names(header) or 'none'}"
            )
    for ours, theirs in columns.items():
        if theirs != ours:
            names = ["" if name == ours else name for name in names]
            names[list(header).index(theirs)] = ours
    return names


def proposal(header: Sequence[str], needed: Sequence[str]) -> str:
    """How to say which columns are meant, where that can be guessed; else an empty string."""
    found = {}
    for column in needed:
        if column in header:
            continue
        guess = next((name for name in _OTHER_NAMES.get(column, ()) if name in header), None)
        if guess is None:
            return ""
        found[column] = guess
    pairs = ",".join(f"{ours}={theirs}" for ours, theirs in found.items())
    return f" If these are the columns, say so: {setting('columns', pairs)}." if found else ""
