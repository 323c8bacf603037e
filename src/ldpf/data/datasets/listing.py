"""From a recognized data set to a listing with official names, and its published splits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ldpf.data.datasets.recognize import (
    FoundDataset,
    class_folder,
    class_folders,
    unknown_class_error,
)
from ldpf.data.datasets.split_lists import LabelCheck, ListedPlaces, SplitLists, find_split_lists
from ldpf.data.image_files import Folder, walk_folders
from ldpf.data.image_folder import Listing
from ldpf.data.images import BadImage
from ldpf.data.left_out import LeftOut
from ldpf.errors import DataError


@dataclass(frozen=True)
class DatasetListing:
    """What lies in a data set's folder.

    Attributes:
        listing: Official class folders and domains that have images, sorted; paths from the root.
        splits: [N] ``train``, ``val``, ``test``, where lists or folders give them, else None.
        lists: The lists the splits are from; None for folders.
        missing: Files that lists name and that are not there.
        unlisted: Images left out because the lists do not name them.
    """

    listing: Listing
    splits: np.ndarray | None
    lists: SplitLists | None
    missing: tuple[BadImage, ...] = ()
    unlisted: int = 0


@dataclass
class _Domain:
    """One domain's images: paths below its folder, official class and split of each."""

    paths: list[str]
    classes: list[str]
    splits: list[str | None]


def list_named_dataset(found: FoundDataset, *, unknown: list[str] | None = None) -> DatasetListing:
    """List a data set's images by name alone; no image is opened.

    Where published lists cover every domain, images that no list names are left out: in DomainNet
    these are the duplicates, in a DomainNet folder read as mini-DomainNet the other classes.

    Args:
        found: What `recognize_dataset` found.
        unknown: Collects class folders the data set does not have, which are an error without it.

    Raises:
        DataError: An unknown class folder, images outside of class folders, no images, or lists
            that cannot be read or name classes that do not fit.
    """
    lists = find_split_lists(found)
    if found.list_folder is not None and lists is None:
        raise DataError(
            f"{found.root / found.list_folder} has no training list for "
            f"{', '.join(found.domains.values())}; take the lists anew"
        )
    check = LabelCheck(found, lists) if lists is not None else None
    per_domain: dict[str, _Domain] = {}
    empty: list[str] = []
    missing: list[BadImage] = []
    unlisted = 0
    left_out = LeftOut()
    for place in {found.root, found.root / found.images}:
        # Files here belong to the archives (lists, read-me files).
        own = _own(place)
        left_out.add(Folder("", system_folders=own.system_folders, hidden=own.hidden))
    prefix = f"{found.images}/" if found.images else ""
    # One domain at a time: its look-up table is the largest thing in memory.
    for folder, domain in sorted(found.domains.items(), key=lambda item: item[1]):
        here = _walk(found, folder, empty, unknown, left_out)
        if lists is not None and check is not None:
            here, absent, left = _apply_lists(found, lists, check, folder, domain, here)
            missing.extend(absent)
            unlisted += left
        here.paths = [f"{prefix}{folder}/{path}" for path in here.paths]
        per_domain[domain] = here
    return _assemble(found, lists, per_domain, empty, missing, unlisted, left_out)


def _own(place: Path) -> Folder:
    """What lies in a folder itself."""
    return next(iter(walk_folders(place)))


def _walk(
    found: FoundDataset,
    folder: str,
    empty: list[str],
    unknown: list[str] | None,
    left_out: LeftOut,
) -> _Domain:
    here = _Domain([], [], [])
    base = found.domain_folder(folder)
    only = set(found.dataset.classes) if found.list_folder is not None else None
    top = _own(base) if base.is_dir() else Folder("")
    left_out.add(top)
    if top.images:
        raise DataError(
            f"{base} holds images of no class, for example {top.images[0]}; move them into class "
            "folders, or away"
        )
    in_classes = class_folders(found, folder)
    for above in {path.rpartition("/")[0] for path, _, _ in in_classes} - {""}:  # split folders
        left_out.add(_own(base / above))
    for path, split, name in in_classes:
        official = class_folder(found, name)
        if official is None:
            if only is not None:
                continue  # one of DomainNet's other classes
            if unknown is not None:
                unknown.append(f"{folder}/{path}")
                continue
            raise unknown_class_error(found, f"{folder}/{path}", name)
        before = len(here.paths)
        for inner in walk_folders(base / path):
            left_out.add(inner)
            place = f"{path}/{inner.path}" if inner.path else path
            here.paths += [f"{place}/{image}" for image in inner.images]
        added = len(here.paths) - before
        here.classes += [official] * added
        here.splits += [split] * added
        if not added:
            empty.append(f"{folder}/{path}")
    return here


def _apply_lists(
    found: FoundDataset,
    lists: SplitLists,
    check: LabelCheck,
    folder: str,
    domain: str,
    here: _Domain,
) -> tuple[_Domain, list[BadImage], int]:
    prefix = f"{found.images}/" if found.images else ""
    rows_of = {path: i for i, path in enumerate(here.paths)}
    places = ListedPlaces(found, lists, domain)
    given: dict[int, str] = {}
    missing: list[BadImage] = []
    for split, rows in lists.rows(domain).items():
        check.see(rows)
        for path, _ in rows:
            place = places.below_domain(path)
            row = rows_of.get(place)
            if row is None:
                name = f"{prefix}{folder}/{place}"
                missing.append(BadImage(name, "the file does not exist"))
            else:
                given.setdefault(row, split)
    keep = sorted(given)
    kept = _Domain(
        [here.paths[i] for i in keep],
        [here.classes[i] for i in keep],
        [given[i] for i in keep],
    )
    return kept, missing, len(here.paths) - len(keep)


def _assemble(
    found: FoundDataset,
    lists: SplitLists | None,
    per_domain: dict[str, _Domain],
    empty: list[str],
    missing: list[BadImage],
    unlisted: int,
    left_out: LeftOut,
) -> DatasetListing:
    used = {name for here in per_domain.values() for name in here.classes}
    if not used:
        raise DataError(
            f"there are no images of {found.dataset.title} in {found.root}; unpack its archives "
            "there"
        )
    classes = tuple(name for name in found.dataset.classes if name in used)
    domains = tuple(name for name in sorted(per_domain) if per_domain[name].paths)
    class_id = {name: i for i, name in enumerate(classes)}
    labels = [class_id[name] for domain in domains for name in per_domain[domain].classes]
    sizes = [len(per_domain[domain].paths) for domain in domains]
    splits = [split for domain in domains for split in per_domain[domain].splits]
    listing = Listing(
        paths=tuple(path for domain in domains for path in per_domain[domain].paths),
        labels=np.array(labels, dtype=np.int64),
        classes=classes,
        domains=np.repeat(np.arange(len(domains), dtype=np.int64), sizes),
        domain_names=domains,
        empty=tuple(empty),
        left_out=left_out,
    )
    known = np.array(splits) if all(split is not None for split in splits) else None
    return DatasetListing(listing, known, lists, tuple(missing), unlisted)
