"""Comparing a folder with what is published of a named data set."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ldpf.data.datasets.base import NamedDataset
from ldpf.data.datasets.listing import DatasetListing, list_named_dataset
from ldpf.data.datasets.metadata_table import list_metadata, recognize_metadata
from ldpf.data.datasets.recognize import FoundDataset, folder_names, recognize_dataset
from ldpf.errors import DataError
from ldpf.utils.paths import missing_path_error
from ldpf.utils.text import some

_SHOWN = 8  # names in a sentence


@dataclass(frozen=True)
class DomainCheck:
    """One domain.

    Attributes:
        name: The official name.
        images: How many there are.
        published: How many there should be; None where no number is known.
        absent_classes: Official classes without an image here.
        class_differences: Classes whose number differs, to (there, published), where known.
    """

    name: str
    images: int
    published: int | None
    absent_classes: tuple[str, ...] = ()
    class_differences: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetCheck:
    """What `check_named_dataset` found.

    Attributes:
        name: Its name.
        root: The folder.
        images, published: In all.
        domains: In the order of the official names.
        unknown_folders: Folders that are neither a domain nor a class of it.
        missing_files: How many files published lists name that are not there.
        unlisted: Images there that the lists do not name; they are not counted.
        differences: What differs, in sentences; empty where all is as published.
    """

    name: str
    root: str
    images: int
    published: int | None
    domains: tuple[DomainCheck, ...]
    unknown_folders: tuple[str, ...]
    missing_files: int
    unlisted: int
    differences: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        values = asdict(self)
        # The key that this had before, which scripts read.
        return {"benchmark": values.pop("name"), **values, "as_published": not self.differences}


def check_named_dataset(dataset: NamedDataset, root: Path) -> DatasetCheck:
    """Count a data set's images per domain and class and compare; no image is opened.

    Raises:
        DataError: The folder does not exist, cannot be read, or does not hold the data set at all.
    """
    root = root.expanduser().absolute()
    if not root.is_dir():
        raise (
            DataError(f"{root} is a file; unpack it and give the folder")
            if root.exists()
            else missing_path_error(root)
        )
    if dataset.metadata is not None:
        return _check_table(dataset, root)
    found = recognize_dataset(root, dataset.name)
    assert found is not None  # a name is found, or an error
    found = replace(found, dataset=dataset)
    unknown: list[str] = []
    listed = list_named_dataset(found, unknown=unknown)
    if found.list_folder is None:
        tops = folder_names(root / found.images)
        unknown = found.unknown_folders(tops) + unknown
    domains = tuple(_check_domain(found, listed, name) for name in dataset.domains)
    check = DatasetCheck(
        name=dataset.name,
        root=str(root),
        images=len(listed.listing.paths),
        published=dataset.images,
        domains=domains,
        unknown_folders=tuple(unknown),
        missing_files=len(listed.missing),
        unlisted=listed.unlisted,
        differences=(),
    )
    return DatasetCheck(**{**vars(check), "differences": tuple(_differences(dataset, check))})


def _check_table(dataset: NamedDataset, root: Path) -> DatasetCheck:
    """A data set with a table: rows of every split count, files that are not there are told."""
    recognize_metadata(root, dataset.name)
    listed = list_metadata(root, dataset)
    listing, gone = listed.listing, {one.path for one in listed.missing}
    assert listing.domains is not None
    here = np.array([path not in gone for path in listing.paths])
    counts = np.zeros((len(listing.domain_names), len(listing.classes)), dtype=np.int64)
    np.add.at(counts, (listing.domains[here], listing.labels[here]), 1)  # type: ignore[arg-type]
    rows = dict(zip(listing.domain_names, counts, strict=True))
    none = np.zeros(len(listing.classes), dtype=np.int64)
    domains = tuple(
        DomainCheck(
            name=name,
            images=int(rows.get(name, none).sum()),
            published=dataset.domain_images.get(name),
            absent_classes=tuple(
                folder
                for folder, n in zip(listing.classes, rows.get(name, none), strict=True)
                if not n and dataset.every_class_everywhere
            ),
        )
        for name in dataset.domains or listing.domain_names
    )
    check = DatasetCheck(
        name=dataset.name,
        root=str(root),
        images=int(here.sum()) + listed.left_out,
        published=dataset.images,
        domains=domains,
        unknown_folders=(),
        missing_files=len(gone),
        unlisted=0,
        differences=(),
    )
    return DatasetCheck(**{**vars(check), "differences": tuple(_differences(dataset, check))})


def _check_domain(found: FoundDataset, listed: DatasetListing, name: str) -> DomainCheck:
    one, listing = found.dataset, listed.listing
    assert listing.domains is not None  # a data set's are known
    counts = dict.fromkeys(one.classes, 0)
    if name in listing.domain_names:
        labels = listing.labels[listing.domains == listing.domain_names.index(name)]
        numbers = np.bincount(labels, minlength=len(listing.classes))
        counts |= dict(zip(listing.classes, map(int, numbers), strict=True))
    published = dict(zip(one.classes, one.class_images.get(name, ()), strict=False))
    return DomainCheck(
        name=name,
        images=sum(counts.values()),
        published=one.domain_images.get(name),
        absent_classes=tuple(folder for folder, n in counts.items() if not n),
        class_differences={
            folder: (counts[folder], n) for folder, n in published.items() if counts[folder] != n
        },
    )


def _differences(dataset: NamedDataset, check: DatasetCheck) -> list[str]:
    sentences = []
    for domain in check.domains:
        if not domain.images:
            sentences.append(f"the domain {domain.name} is missing")
            continue
        if domain.published is not None and domain.images != domain.published:
            sentences.append(
                f"{domain.name}: {_off(domain.images, domain.published)}{_by_class(domain)}"
            )
        elif domain.class_differences:
            sentences.append(f"{domain.name}: other classes than published{_by_class(domain)}")
        if domain.absent_classes and dataset.every_class_everywhere:
            sentences.append(f"{domain.name}: no image of {some(domain.absent_classes, _SHOWN)}")
    nowhere = [c for c in dataset.classes if all(c in d.absent_classes for d in check.domains)]
    if nowhere and not dataset.every_class_everywhere:
        sentences.append(f"no image anywhere of {some(nowhere, _SHOWN)}")
    per_domain_known = all(domain.published is not None for domain in check.domains)
    if not per_domain_known and check.published is not None and check.images != check.published:
        sentences.append(f"all domains: {_off(check.images, check.published)}")
    if check.unknown_folders:
        sentences.append(f"folders that do not belong to it: {some(check.unknown_folders, _SHOWN)}")
    if check.missing_files:
        who = "the split lists name" if dataset.metadata is None else "the table names"
        sentences.append(f"{check.missing_files:,} files that {who} are missing")
    return sentences


def _off(images: int, published: int) -> str:
    by = images - published
    return f"{abs(by):,} {'too many' if by > 0 else 'missing'} ({images:,} of {published:,})"


def _by_class(domain: DomainCheck) -> str:
    if not domain.class_differences:
        return ""
    parts = [f"{name} {there - n:+,}" for name, (there, n) in domain.class_differences.items()]
    return f"; {some(parts, _SHOWN)}"
