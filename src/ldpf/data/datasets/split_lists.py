"""The published split lists: text lists (Dassl, DomainNet) and JSON lists (SPG, DPSPG).

A text list names ``path label`` on each line, one file for each domain and split:
``art_painting_train_kfold.txt``, ``clipart_test.txt``. A JSON list has one file for each domain,
``a_train_val_split.json``, with ``{"train": [[path, label, domain, class], ...], "val": ...}``;
where its name is no domain's, its paths say: ``1_train_val_split.json`` is location_100 of Terra
Incognita.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ldpf.data.datasets.base import NamedDataset, name_key
from ldpf.data.datasets.recognize import LIST_FOLDERS, FoundDataset, class_folder
from ldpf.errors import DataError
from ldpf.utils.json_files import read_json

# An image in several lists keeps the first: PACS' test lists repeat the whole domain.
_KINDS = (("train", "train"), ("crossval", "val"), ("val", "val"), ("test", "test"))
_JSON_ENDING = "_train_val_split.json"
Row = tuple[str, int]


@dataclass(frozen=True)
class SplitLists:
    """List files of one kind in one folder.

    Attributes:
        folder: Where they lie.
        files: Official domain to its list files, each with its split; a JSON file has "json".
    """

    folder: Path
    files: dict[str, list[tuple[str, Path]]]

    def rows(self, domain: str) -> dict[str, list[Row]]:
        """The paths and labels of one domain's lists, by split.

        Raises:
            DataError: A file cannot be read or is not of the form it should have.
        """
        found: dict[str, list[Row]] = {}
        for split, file in self.files.get(domain, []):
            parts = _read_json(file) if split == "json" else {split: _read_text(file)}
            for name, rows in parts.items():
                found.setdefault(name, []).extend(rows)
        return found


def find_split_lists(found: FoundDataset) -> SplitLists | None:
    """The lists beside a data set's images; None where there are none for all its domains.

    Looked for in the folders splits, spg_coop_splits, dpspg_coop_splits and image_list and in the
    root itself, in this order; the first place with a training list for each domain that is there
    counts.
    """
    places = [*(found.root / name for name in LIST_FOLDERS), found.root]
    if found.list_folder is not None:
        places = [found.root / found.list_folder]
    for place in places:
        lists = read_list_folder(place, found.dataset)
        if lists is not None and set(found.domains.values()) <= set(lists.files):
            return lists
    return None


def read_list_folder(folder: Path, dataset: NamedDataset) -> SplitLists | None:
    """The list files of a data set in a folder; None where there is none.

    A domain counts only with a training list.
    """
    if not folder.is_dir():
        return None
    keys = dataset.domain_keys()
    firsts = {name_key(domain)[0]: domain for domain in dataset.domains}
    if len(firsts) == len(dataset.domains):  # SPG calls PACS' domains a, c, p, s
        keys = firsts | keys
    files: dict[str, list[tuple[str, Path]]] = {}
    for file in sorted(folder.glob(f"*{_JSON_ENDING}")):
        domain = keys.get(name_key(file.name.removesuffix(_JSON_ENDING)))
        domain = domain or _domain_of(file, dataset.domain_keys())
        if domain is not None:
            files[domain] = [("json", file)]
    if files:
        return SplitLists(folder, files)
    for kind, split in _KINDS:
        for file in sorted((*folder.glob(f"*_{kind}.txt"), *folder.glob(f"*_{kind}_kfold.txt"))):
            domain = keys.get(name_key(file.name.rpartition(f"_{kind}")[0]))
            if domain is not None:
                files.setdefault(domain, []).append((split, file))
    files = {d: some for d, some in files.items() if any(split == "train" for split, _ in some)}
    return SplitLists(folder, files) if files else None


class ListedPlaces:
    """From listed paths to places in the domain folders.

    Lists count from different places (``pacs/images/photo/dog/1.jpg``, ``photo/dog/1.jpg``), so the
    domain is looked for from the right, at least one class folder above the file.
    """

    def __init__(self, found: FoundDataset, lists: SplitLists, domain: str) -> None:
        """Take the lists of one domain."""
        self._found, self._lists, self._domain = found, lists, domain
        self._keys = found.dataset.domain_keys()
        self._known: dict[str, str] = {}  # per folder: half a million lines name few of them

    def below_domain(self, path: str) -> str:
        """The path from the domain folder on; raises DataError if it lies in another domain."""
        folder, _, name = path.rpartition("/")
        place = self._known.get(folder)
        if place is None:
            place = self._known[folder] = self._place(folder, path)
        return f"{place}/{name}"

    def _place(self, folder: str, path: str) -> str:
        parts = folder.split("/")
        for i in range(len(parts) - 2, -1, -1):
            if self._keys.get(name_key(parts[i])) == self._domain and ".." not in parts[i:]:
                return "/".join(parts[i + 1 :])
        raise DataError(
            f"the lists of {self._domain} in {self._lists.folder} name {path}, which does not lie "
            f"in {self._domain}; take the lists made for {self._found.dataset.title}"
        )


class LabelCheck:
    """Refuses lists whose numbers and class folders do not belong together one to one."""

    def __init__(self, found: FoundDataset, lists: SplitLists) -> None:
        """Check lists of `found`."""
        self._found, self._lists = found, lists
        self._of_label: dict[int, str] = {}
        self._of_class: dict[str, int] = {}

    def see(self, rows: Iterable[Row]) -> None:
        """Look at some more rows; raises DataError at the first that does not fit."""
        pairs: dict[tuple[int, str], str] = {}
        for path, label in rows:
            pairs.setdefault((label, path.rsplit("/", 2)[-2]), path)
        for (label, folder), path in pairs.items():
            official = class_folder(self._found, folder)
            if official is None:
                raise DataError(
                    f"the lists in {self._lists.folder} name {path}, whose class folder is none of "
                    f"{self._found.dataset.title}'s; take the lists made for it"
                )
            same = self._of_label.setdefault(label, official) == official
            if not same or self._of_class.setdefault(official, label) != label:
                raise DataError(
                    f"the lists in {self._lists.folder} give {path} the label {label}, which "
                    "elsewhere in them stands for another class; take them anew"
                )


def _domain_of(file: Path, keys: Mapping[str, str]) -> str | None:
    """The domain that the first path of a JSON list lies in; None where it says none."""
    try:
        with file.open(encoding="utf-8-sig") as stream:
            start = stream.read(4096)
    except (OSError, UnicodeDecodeError):  # told where the file is read
        start = ""
    path = re.search(r'"([^"\n]*/[^"\n]*)"', start)
    # From the right, at least one class folder above the file: see ListedPlaces.
    folders = path[1].split("/")[:-2] if path else []
    known = (keys[key] for folder in reversed(folders) if (key := name_key(folder)) in keys)
    return next(known, None)


def _read_text(file: Path) -> list[Row]:
    rows = []
    for number, line in enumerate(_read(file).splitlines(), start=1):
        if not line.strip():
            continue
        path, _, label = line.strip().rpartition(" ")
        if not label.isdecimal() or "/" not in path:
            raise DataError(
                f"{file}, line {number}: {line.strip()!r} is not 'relative/path label'; take the "
                "list anew, or move it away to do without"
            )
        rows.append((path.rstrip(), int(label)))
    return rows


def _read_json(file: Path) -> dict[str, list[Row]]:
    content = read_json(file, "the list of splits", "take it anew, or move it away to do without")
    try:
        return {
            split: [(str(row[0]), int(row[1])) for row in content[split]]
            for split in ("train", "val", "test")
            if split == "train" or split in content
        }
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise DataError(
            f"{file} is no list of splits ({type(error).__name__}: {error}); it should hold "
            '{"train": [[path, label, domain, class], ...], "val": [...]}; take it anew, or '
            "move it away to do without"
        ) from error


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read the list {file}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"the list {file} is not UTF-8; take it anew") from error
