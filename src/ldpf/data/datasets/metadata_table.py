"""Data sets whose files are told by one table: `metadata.csv`, as WILDS has them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ldpf.data.datasets.base import MetadataLayout, NamedDataset, named_dataset, named_datasets
from ldpf.data.image_folder import Listing
from ldpf.data.images import BadImage
from ldpf.data.manifest import missing_files
from ldpf.errors import DataError

METADATA = "metadata.csv"


@dataclass(frozen=True)
class TableListing:
    """What a table says.

    Attributes:
        listing: paths, labels, domains and groups of the rows that are used, in their order.
        splits: [N] ``train``, ``val`` or ``test``.
        left_out: rows whose split is not used.
        missing: files that the table names and that are not there.
    """

    listing: Listing
    splits: np.ndarray
    left_out: int
    missing: tuple[BadImage, ...]


def recognize_metadata(root: Path, name: str = "auto") -> NamedDataset | None:
    """The data set whose table lies in a folder, told by its columns; None where there is none.

    Args:
        root: an existing folder.
        name: "auto", "none", or the name of a data set.

    Raises:
        SettingsError: there is no data set of that name.
        DataError: a data set with a table is asked for, and the table is not there or another.
    """
    if name == "none":
        return None
    wanted = None if name == "auto" else named_dataset(name)
    if wanted is not None and wanted.metadata is None:
        return None
    columns = _columns(root / METADATA)
    for one in named_datasets() if wanted is None else (wanted,):
        if one.metadata is not None and one.metadata.columns() <= columns:
            return one
    if wanted is None or wanted.metadata is None:
        return None
    lacking = ", ".join(sorted(wanted.metadata.columns() - columns))
    raise DataError(
        f"{root} does not look like {wanted.title}: it has no {METADATA} with the columns "
        f"{lacking}; point to the folder that WILDS has unpacked"
    )


def list_metadata(root: Path, dataset: NamedDataset) -> TableListing:
    """List a data set by its table; no image is opened.

    Raises:
        DataError: the table cannot be read, has no row that is used, or names a class twice.
    """
    layout = dataset.metadata
    assert layout is not None
    names = _label_names(root, layout)
    rows = []
    left_out = 0
    for number, row in enumerate(_rows(root / METADATA), start=2):
        domain = layout.domain.format_map(row)
        split = layout.domain_splits.get(domain) or layout.splits.get(_plain(row[layout.split]))
        if split is None:
            left_out += 1
            continue
        label = names.get(_plain(row[layout.label]))
        if label is None:
            raise DataError(
                f"{root / METADATA}, line {number}: the class {row[layout.label]!r} has no name "
                f"in {layout.label_names or dataset.name}; take the files anew"
            )
        rows.append((layout.path.format_map(row), label, domain, split, layout.group_of(row)))
    if not rows:
        raise DataError(f"{root / METADATA} has no row of {dataset.title}; take it anew")
    paths, labels, domains, splits, groups = zip(*rows, strict=True)
    classes, label_ids = np.unique(labels, return_inverse=True)
    domain_names, domain_ids = np.unique(domains, return_inverse=True)
    listing = Listing(
        paths=paths,
        labels=label_ids.astype(np.int64),
        classes=tuple(map(str, classes)),
        domains=domain_ids.astype(np.int64),
        domain_names=tuple(map(str, domain_names)),
        groups=np.array(groups, dtype=np.str_),
    )
    return TableListing(listing, np.array(splits), left_out, tuple(missing_files(root, paths)))


def _label_names(root: Path, layout: MetadataLayout) -> dict[str, str]:
    if layout.label_names is None:
        return dict(layout.labels)
    file = root / layout.label_names
    names = {_plain(row["y"]): row["name"].strip() for row in _rows(file, ("y", "name"))}
    twice = [name for name in names.values() if list(names.values()).count(name) > 1]
    if twice:
        raise DataError(f"{file} has two classes {twice[0]!r}; take it anew")
    return names


def _plain(number: str) -> str:
    """A whole number as it is keyed: pandas writes a column with gaps as 3.0."""
    return number.strip().removesuffix(".0")


def _columns(file: Path) -> set[str]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            return set(next(csv.reader(stream), []))
    except (OSError, UnicodeError, csv.Error):
        return set()


def _rows(file: Path, needed: tuple[str, ...] = ()) -> list[dict[str, str]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            rows = list(reader)
    except (OSError, UnicodeError, csv.Error) as error:
        raise DataError(f"cannot read the table {file}: {error}; take it anew") from error
    broken = [i for i, row in enumerate(rows, start=2) if None in row or None in row.values()]
    if broken or not set(needed) <= set(reader.fieldnames or ()):
        where = f", line {broken[0]}" if broken else ""
        raise DataError(f"the table {file}{where} is cut off or of another form; take it anew")
    return rows
