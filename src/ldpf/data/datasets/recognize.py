"""Which named data set a folder holds, told by folder names alone, and where its images begin."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ldpf.data.datasets.base import NamedDataset, name_key, named_dataset, named_datasets
from ldpf.data.left_out import is_system_folder
from ldpf.errors import DataError
from ldpf.utils.text import did_you_mean
from ldpf.utils.ways import setting

# Where circulating archives put the domains: PACS' own (kfold), Dassl's and SPG's (images),
# Office-Home's own.
WRAPPERS = ("", "images", "images/kfold", "kfold", "OfficeHomeDataset_10072016")
LIST_FOLDERS = ("splits", "spg_coop_splits", "dpspg_coop_splits", "image_list")
SPLIT_FOLDERS = {"train": "train", "crossval": "val", "val": "val", "test": "test"}
# In Dassl's VLCS full repeats images of the others; Office-31 has amazon/images/mug.
WHOLE_FOLDERS = ("full", "images")


@dataclass(frozen=True)
class FoundDataset:
    """A named data set in a folder.

    Attributes:
        dataset: Which.
        root: The folder that was given.
        images: Where the domain folders lie, relative to `root`; "" for `root` itself.
        domains: Domain folders as spelled on disk, to official names.
        split_folders: Each domain has train, val ... folders above its classes.
        list_folder: Where to look for split lists, relative to `root`; None looks in all places.
    """

    dataset: NamedDataset
    root: Path
    images: str
    domains: dict[str, str]
    split_folders: bool
    list_folder: str | None = None

    def domain_folder(self, folder: str) -> Path:
        """The full path of a domain folder."""
        return self.root / self.images / folder

    def unknown_folders(self, beside: Iterable[str]) -> list[str]:
        """Those of the folders beside the domains that do not belong to the data set."""
        known = {*self.domains, *LIST_FOLDERS, *self.dataset.ignored, self.dataset.list_folder}
        return [name for name in beside if name not in known]


def recognize_dataset(root: Path, name: str = "auto") -> FoundDataset | None:
    """Tell which named data set lies in a folder.

    With "auto" one is recognized only where nothing speaks against it: every folder beside the
    domains is known, every class folder is one of its classes, and all its classes are there. With
    a name, what is there may be incomplete, but the name must fit.

    Args:
        root: An existing folder.
        name: "auto", "none", or the name of a data set.

    Returns:
        What was found; None for "none", and for "auto" where nothing was recognized.

    Raises:
        SettingsError: There is no data set of that name.
        DataError: The data set of that name does not lie there; a folder cannot be read.
    """
    if name == "none":
        return None
    # Read once for all data sets: a folder of half a million images is none of them, but long.
    tops = {top: folder_names(root / top) for top in WRAPPERS if (root / top).is_dir()}
    if name != "auto":
        wanted = named_dataset(name)
        found = next(_candidates(root, wanted, tops), None)
        if found is None:
            raise DataError(
                f"{root} does not look like {wanted.title}: neither it nor its folders images or "
                f"kfold hold folders such as {', '.join(wanted.domains)}; point to the folder "
                "above them, or give the name of another data set"
            )
        return found
    # The smallest first: where both fit, mini-DomainNet's folder has no class but its 126.
    for dataset in sorted(named_datasets(), key=lambda dataset: len(dataset.classes)):
        for found in _candidates(root, dataset, tops):
            if _is_certain(found, tops[found.images]):
                return found
    return None


def class_folder(found: FoundDataset, folder: str) -> str | None:
    """The official class of a class folder on disk, or None."""
    return found.dataset.class_keys().get(name_key(folder))


def class_folders(found: FoundDataset, domain: str) -> list[tuple[str, str | None, str]]:
    """A domain's class folders: path relative to the domain folder, split or None, folder name."""
    base = found.domain_folder(domain)
    if not found.split_folders:
        return [(name, None, name) for name in folder_names(base)]
    splits = [name for name in folder_names(base) if name.casefold() in SPLIT_FOLDERS]
    if splits:
        kinds = {name: SPLIT_FOLDERS[name.casefold()] for name in splits}
    else:
        whole = next(n for n in folder_names(base) if n.casefold() in WHOLE_FOLDERS)
        kinds = {whole: None}
    return [
        (f"{split}/{name}", kind, name)
        for split, kind in kinds.items()
        for name in folder_names(base / split)
    ]


def unknown_class_error(found: FoundDataset, path: str, name: str) -> DataError:
    """The error for a class folder that the data set does not have."""
    one = found.dataset
    return DataError(
        f"{found.root} has the class folder {path}, which is none of the {len(one.classes)} classes"
        f" of {one.title}.{did_you_mean(name, one.classes)} Move it away, or say "
        f"{setting('benchmark', 'none')} to read the folders as they are"
    )


def folder_names(folder: Path) -> list[str]:
    """Sorted names of the subfolders; hidden ones and those of the system are left out.

    Raises:
        DataError: The folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            names = (entry.name for entry in entries if entry.is_dir())
            return sorted(n for n in names if not (n.startswith(".") or is_system_folder(n)))
    except OSError as error:
        raise DataError(
            f"cannot read the folder {folder}: {error.strerror or error}; check its permissions"
        ) from error


def _candidates(
    root: Path, dataset: NamedDataset, tops: dict[str, list[str]]
) -> Iterator[FoundDataset]:
    keys = dataset.domain_keys()
    for wrapper, names in tops.items():
        base = root / wrapper
        domains = {name: keys[name_key(name)] for name in names if name_key(name) in keys}
        if not domains or len(set(domains.values())) < len(domains):
            continue
        split = all(_only_splits(base / domain) for domain in domains)
        lists = dataset.list_folder
        has_lists = lists is not None and (root / lists).is_dir()
        yield FoundDataset(dataset, root, wrapper, domains, split, lists if has_lists else None)


def _only_splits(domain: Path) -> bool:
    # All of them: DomainNet has a class called train.
    names = folder_names(domain)
    return bool(names) and all(n.casefold() in (*SPLIT_FOLDERS, *WHOLE_FOLDERS) for n in names)


def _is_certain(found: FoundDataset, tops: list[str]) -> bool:
    one = found.dataset
    if found.unknown_folders(tops):
        return False
    seen = set()
    for domain in found.domains:
        for _, _, name in class_folders(found, domain):
            official = class_folder(found, name)
            if official is None:
                return False
            seen.add(official)
    return seen == set(one.classes)
