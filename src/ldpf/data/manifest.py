"""Reading a dataset from a table: columns path, label, and perhaps domain, split and group."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ldpf.data.boxes import boxes_of, split_box, with_boxes
from ldpf.data.class_names import check_distinct
from ldpf.data.dataset import SPLIT_NAMES
from ldpf.data.groups import as_groups
from ldpf.data.image_folder import Listing
from ldpf.data.images import BadImage, bad_images_message
from ldpf.data.split_names import refuse_split_domains
from ldpf.data.tables import Table, read_parquet_table, read_table
from ldpf.errors import DataError
from ldpf.utils.paths import can_be_path, why_missing
from ldpf.utils.text import (
    did_you_mean,
    normalize,
    quoted,
    shortened,
    some,
)

_REQUIRED = ("path", "label")


def list_manifest(
    file: Path,
    *,
    skip_bad: bool = False,
    columns: Mapping[str, str] | None = None,
    margin: float = 0.0,
) -> tuple[Listing, np.ndarray | None, list[BadImage]]:
    """Read a manifest: CSV, JSON lines or Parquet.

    A CSV has commas, semicolons or tabs, and is UTF-8, or UTF-16 with its mark.

    Columns: `path` (relative paths start from the manifest's folder), `label`, and optionally
    `domain`, `split` (train, val or test) and `group` (what must stay on one side of a split, see
    `ldpf.data.groups`); others are ignored. A `domain` or `split` column may be empty throughout,
    which is as if it were not there, but not in some rows only. An empty `group` is an image alone.
    With columns `x`, `y`, `w` and `h` a row is a part of a picture, see `ldpf.data.boxes`.

    Args:
        file: The manifest.
        skip_bad: Leave out rows whose file does not exist, instead of stopping; but stop where
            none exists.
        columns: What columns are called in the file where it is not their usual name; see
            `ldpf.data.columns.parse_columns`.
        margin: What is cropped beyond each edge of a box, as a share of its width or height.

    Returns:
        The listing in the manifest's order, [N] split names or None, and the files left out.

    Raises:
        DataError: The file cannot be read, has no rows or lacks a column; a path, label, domain or
            split is empty; a split is none of the three; a path occurs twice; files are missing.
    """
    listing, splits = list_rows(file, needs_paths=True, columns=columns, margin=margin)
    paths = listing.paths
    missing = missing_files(file.parent, paths)
    if missing and (not skip_bad or len(missing) == len(paths)):
        raise DataError(
            f"{bad_images_message(missing, len(paths), file)}\n"
            f"(Relative paths in a manifest start from its own folder, {file.parent}.)"
        )
    return listing, splits, missing


def list_rows(
    file: Path,
    *,
    needs_paths: bool,
    columns: Mapping[str, str] | None = None,
    margin: float = 0.0,
) -> tuple[Listing, np.ndarray | None]:
    """What a manifest says of each row, without a look at the image files.

    Args:
        file: The manifest.
        needs_paths: Without, a missing or empty `path` column gives "row 1", "row 2" ...
        columns: As in `list_manifest`.
        margin: As for `list_manifest`.

    Returns:
        The listing in the manifest's order, and [N] split names or None.

    Raises:
        DataError: As for `list_manifest`.
    """
    needed = _REQUIRED if needs_paths else ("label",)
    return _listing(file, read_table(file, needed, columns or {}), needed, margin)


def list_paths(
    file: Path, columns: Mapping[str, str] | None = None, margin: float = 0.0
) -> list[Path]:
    """The images that a table names in its column `path`, with their boxes, if it has some.

    Args:
        file: A manifest, or a table with no more than paths.
        columns, margin: As in `list_manifest`.

    Returns:
        Full paths; relative ones start from the table's folder.

    Raises:
        DataError: The file cannot be read, has no rows or no such column; or a path is empty or
            occurs twice.
    """
    table = _unlabeled_table(file, columns)
    return [file.parent / path for path in _relative_paths(file, table, margin)]


def list_unlabeled_rows(
    file: Path, columns: Mapping[str, str] | None = None, margin: float = 0.0
) -> tuple[list[Path], np.ndarray | None]:
    """`list_paths` with [N] split names, or None where there are none.

    Raises:
        DataError: As for `list_paths`; or a split is empty in some rows only, or none of the three.
    """
    table = _unlabeled_table(file, columns)
    splits = _splits(file, table) if _in_use(file, table, "split") else None
    return [file.parent / path for path in _relative_paths(file, table, margin)], splits


def _unlabeled_table(file: Path, columns: Mapping[str, str] | None) -> Table:
    table = read_table(file, ("path",), columns or {})
    if not table.rows:
        raise DataError(f"the table {file} has no rows; give one for each image")
    _refuse_empty(file, table, "path")
    return table


def list_parquet_parts(
    where: Path, files: Sequence[Path], *, names: Mapping[str, str]
) -> tuple[Listing, np.ndarray | None, list[int]]:
    """What several Parquet files say of the rows of one dataset, as `list_rows` has it.

    Args:
        where: Names them together in messages; relative paths start from its folder.
        files: In their order, one at least, each with a column `label`.
        names: What some columns of a manifest are called in these files.

    Returns:
        The listing, [N] split names or None, and the number of rows in each file.

    Raises:
        DataError: As for `list_rows`; or files have different columns.
    """
    tables = [read_parquet_table(file, ("label",), names) for file in files]
    for file, table in zip(files, tables, strict=True):
        if table.columns.keys() != tables[0].columns.keys():
            differing = sorted(table.columns.keys() ^ tables[0].columns.keys())
            raise DataError(
                f"{files[0]} and {file} have different columns: only one has "
                f"{some(differing)}; give all files the same"
            )
    columns = {
        name: [text for table in tables for text in table.columns[name]]
        for name in tables[0].columns
    }
    counts = [len(table.rows) for table in tables]
    whole = Table(columns, range(1, sum(counts) + 1), "row")
    return *_listing(where, whole, ("label",)), counts


def _listing(
    file: Path, table: Table, needed: Sequence[str], margin: float = 0.0
) -> tuple[Listing, np.ndarray | None]:
    if not table.rows:
        raise DataError(f"the manifest {file} has no rows; give one for each image")
    for column in needed:
        _refuse_empty(file, table, column)
    if "path" in needed or _in_use(file, table, "path"):
        paths = _relative_paths(file, table, margin)
    else:
        paths = tuple(f"row {i}" for i in range(1, len(table.rows) + 1))
    classes, labels = _ids(file, table, "label", "class")
    domain_names, domains = (), None
    if _in_use(file, table, "domain"):
        domain_names, domains = _ids(file, table, "domain", "domain")
        refuse_split_domains(domain_names, f"the column domain of {file}")
    splits = _splits(file, table) if _in_use(file, table, "split") else None
    groups = None
    if any(table.columns.get("group", ())):
        groups = as_groups(table.columns["group"], len(table.rows))
    return Listing(paths, labels, classes, domains, domain_names, groups=groups), splits


def _refuse_empty(file: Path, table: Table, column: str) -> None:
    empty = [row for row, text in zip(table.rows, table.columns[column], strict=True) if not text]
    if empty:
        raise DataError(
            f"the manifest {file} has no {column} in {len(empty):,} of {len(table.rows):,} rows "
            f"({table.row_word} {some(empty, limit=10)}); fill them in"
        )


def _in_use(file: Path, table: Table, column: str) -> bool:
    """Whether an optional column is there and filled in; half filled in is an error."""
    if not any(table.columns.get(column, ())):
        return False
    _refuse_empty(file, table, column)
    return True


def _relative_paths(file: Path, table: Table, margin: float = 0.0) -> tuple[str, ...]:
    """Paths relative to the manifest's folder; absolute where they lie outside it.

    With their boxes behind them, where the manifest has boxes.
    """
    root = file.parent.as_posix().rstrip("/") + "/"
    first: dict[str, int] = {}
    boxes = boxes_of(file, table.columns, table.rows, table.row_word)
    texts = with_boxes(table.columns["path"], boxes, margin, file)
    for row, text in zip(table.rows, texts, strict=True):
        path = text
        if not can_be_path(path):
            raise DataError(
                f"{file}, {table.row_word} {row}: no file can have the path {quoted(path)}; "
                "correct it"
            )
        if path.startswith(("/", ".")) or "/." in path or "//" in path:
            path = posixpath.normpath(posixpath.join(root, path)).removeprefix(root)
        if "\\" in path and not os.path.lexists(file.parent / split_box(path)[0]):
            path = path.replace("\\", "/")  # written on Windows
            if path.startswith("."):
                path = posixpath.normpath(path)
        if path in first:
            raise DataError(
                f"{file}, {table.row_word} {row}: {shortened(text, 300)} is listed twice, first in "
                f"{table.row_word} {first[path]}; keep one"
            )
        first[path] = row
    return tuple(first)


def missing_files(root: Path, paths: tuple[str, ...]) -> list[BadImage]:
    """The files that are not there. Folders are listed once: half a million look-ups are slow."""
    names: dict[str, frozenset[str]] = {}
    missing = []
    for listed in paths:
        path, _ = split_box(listed)
        folder, _, name = path.rpartition("/")
        if folder not in names:
            place = root / (folder or ("/" if path.startswith("/") else ""))
            try:
                names[folder] = frozenset(entry.name for entry in os.scandir(place))
            except OSError:
                names[folder] = frozenset()
        # A file system that ignores case, or spells Unicode its own way, may have it all the same.
        if name not in names[folder] and not os.path.lexists(root / path):
            missing.append(BadImage(listed, why_missing(path)))
    return missing


def _ids(file: Path, table: Table, column: str, kind: str) -> tuple[tuple[str, ...], np.ndarray]:
    texts = table.columns[column]
    where: dict[str, str] = {}
    for row, text in zip(table.rows, texts, strict=True):
        if text not in where:
            where[text] = f"{file.name}, {table.row_word} {row}"
    check_distinct(kind, where)
    names = tuple(sorted(normalize(text) for text in where))
    index = {name: i for i, name in enumerate(names)}
    of_text = {text: index[normalize(text)] for text in where}
    return names, np.fromiter((of_text[text] for text in texts), np.int64, len(texts))


def _splits(file: Path, table: Table) -> np.ndarray:
    texts = [text.lower() for text in table.columns["split"]]
    for row, text in zip(table.rows, texts, strict=True):
        if text not in SPLIT_NAMES:
            raise DataError(
                f"{file}, {table.row_word} {row}: the split {quoted(text)} is none of "
                f"{', '.join(SPLIT_NAMES)}.{did_you_mean(text, SPLIT_NAMES)}"
            )
    return np.array(texts)
