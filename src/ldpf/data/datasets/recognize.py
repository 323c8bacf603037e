"""Which benchmark a folder holds, told by folder names alone, and where its images begin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ldpf.data.datasets.base import Benchmark, name_key
from ldpf.data.datasets.registry import BENCHMARKS, get_benchmark
from ldpf.errors import DataError
from ldpf.utils.text import did_you_mean

# Where circulating archives put the domains: PACS' own (kfold), Dassl's and SPG's (images),
# Office-Home's own.
WRAPPERS = ("", "images", "images/kfold", "kfold", "OfficeHomeDataset_10072016")
LIST_FOLDERS = ("splits", "splits_mini", "spg_coop_splits", "image_list")
SPLIT_FOLDERS = {"train": "train", "crossval": "val", "val": "val", "test": "test"}
WHOLE_FOLDER = "full"  # in Dassl's VLCS: repeats images of the others


@dataclass(frozen=True)
class Found:
    """A benchmark in a folder.

    Attributes:
        benchmark: Which.
        root: The folder that was given.
        images: Where the domain folders lie, relative to `root`; "" for `root` itself.
        domains: Domain folders as spelled on disk, to official names.
        split_folders: Each domain has train, val ... folders above its classes.
        list_folder: Where to look for split lists, relative to `root`; None looks in all places.
    """

    benchmark: Benchmark
    root: Path
    images: str
    domains: dict[str, str]
    split_folders: bool
    list_folder: str | None = None

    def domain_folder(self, folder: str) -> Path:
        """The full path of a domain folder."""
        return self.root / self.images / folder


def recognise(root: Path, benchmark: str = "auto") -> Found | None:
    """Tell which benchmark lies in a folder.

    With "auto" a benchmark is recognised only where nothing speaks against it: every folder beside
    the domains is known, every class folder is one of its classes, and all its classes are there.
    With a name, what is there may be incomplete, but the name must fit.

    Args:
        root: An existing folder.
        benchmark: "auto", "none", or a benchmark's name.

    Returns:
        What was found; None for "none", and for "auto" where nothing was recognised.

    Raises:
        SettingsError: There is no benchmark of that name.
        DataError: A named benchmark does not lie there; a folder cannot be read.
    """
    if benchmark == "none":
        return None
    # Once for all benchmarks: a folder of half a million images is not a benchmark's, but long.
    tops = {name: folder_names(root / name) for name in WRAPPERS if (root / name).is_dir()}
    if benchmark != "auto":
        wanted = get_benchmark(benchmark)
        found = next(_candidates(root, wanted, tops), None)
        if found is None:
            raise DataError(
                f"{root} does not look like {wanted.title}: neither it nor its folders images or "
                f"kfold hold folders such as {', '.join(wanted.domains)}; point to the folder "
                "above them, or give another benchmark's name"
            )
        return found
    # Where both fit, mini-DomainNet's folder has no class that is not in its 126.
    order = sorted(BENCHMARKS.values(), key=lambda one: len(one.classes))
    for one in order:
        for found in _candidates(root, one, tops):
            if _is_certain(found, tops[found.images]):
                return found
    return None


def class_folder(found: Found, folder: str) -> str | None:
    """The official class of a class folder on disk, or None."""
    return found.benchmark.class_keys().get(name_key(folder))


def class_folders(found: Found, domain: str) -> list[tuple[str, str | None, str]]:
    """A domain's class folders: path relative to the domain folder, split or None, folder name."""
    base = found.domain_folder(domain)
    if not found.split_folders:
        return [(name, None, name) for name in folder_names(base)]
    splits = [name for name in folder_names(base) if name.casefold() in SPLIT_FOLDERS]
    if splits:
        kinds = {name: SPLIT_FOLDERS[name.casefold()] for name in splits}
    else:
        whole = next(n for n in folder_names(base) if n.casefold() == WHOLE_FOLDER)
        kinds = {whole: None}
    return [
        (f"{split}/{name}", kind, name)
        for split, kind in kinds.items()
        for name in folder_names(base / split)
    ]


def unknown_class_error(found: Found, path: str, name: str) -> DataError:
    """For a class folder the benchmark does not have."""
    one = found.benchmark
    return DataError(
        f"{found.root} has the class folder {path}, which is none of the {len(one.classes)} classes"
        f" of {one.title}.{did_you_mean(name, one.classes)} Move it away, or say "
        "benchmark='none' (--benchmark none) to read the folders as they are"
    )


def folder_names(folder: Path) -> list[str]:
    """Sorted names of the subfolders, hidden ones left out.

    Raises:
        DataError: The folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if not e.name.startswith(".") and e.is_dir())
    except OSError as error:
        raise DataError(
            f"cannot read the folder {folder}: {error.strerror or error}; check its permissions"
        ) from error


def _candidates(root: Path, benchmark: Benchmark, tops: dict[str, list[str]]) -> Iterator[Found]:
    keys = benchmark.domain_keys()
    for wrapper, names in tops.items():
        base = root / wrapper
        domains = {name: keys[name_key(name)] for name in names if name_key(name) in keys}
        if not domains or len(set(domains.values())) < len(domains):
            continue
        split = all(_only_splits(base / domain) for domain in domains)
        mini = benchmark.name == "mini-domainnet" and (root / "splits_mini").is_dir()
        yield Found(benchmark, root, wrapper, domains, split, "splits_mini" if mini else None)


def _only_splits(domain: Path) -> bool:
    # All of them: DomainNet has a class called train.
    names = folder_names(domain)
    return bool(names) and all(n.casefold() in (*SPLIT_FOLDERS, WHOLE_FOLDER) for n in names)


def _is_certain(found: Found, tops: list[str]) -> bool:
    one = found.benchmark
    known = {*found.domains, *LIST_FOLDERS, *one.ignored}
    if any(name not in known for name in tops):
        return False
    seen = set()
    for domain in found.domains:
        for _, _, name in class_folders(found, domain):
            official = class_folder(found, name)
            if official is None:
                return False
            seen.add(official)
    return seen == set(one.classes)
