"""Folders that Hugging Face's `save_to_disk` writes, read as data; `datasets` is not needed.

Their pictures lie as bytes in Arrow files, and are unpacked once, see `ldpf.data.unpacking`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ldpf.data.columns import COLUMNS, proposal, renamed
from ldpf.data.labels import is_missing, plain_label
from ldpf.data.parquet import reads_parquet, require_pyarrow
from ldpf.data.unpacking import unpack_once
from ldpf.errors import DataError
from ldpf.utils.constraints import OrNone, Text
from ldpf.utils.files import write_bytes
from ldpf.utils.json_files import read_json
from ldpf.utils.schema import ListOf, Record
from ldpf.utils.text import some_names

_SPLITS = {
    **{"train": "train", "training": "train", "test": "test", "testing": "test"},
    **{"validation": "val", "valid": "val", "val": "val", "dev": "val"},
}


# What its three descriptions should hold, as far as they are read.
_DICT = Record(optional={"splits": OrNone(ListOf(Text()))})
_INFO = Record(optional={"features": OrNone(Record())})
_STATE = Record(optional={"_data_files": OrNone(ListOf(Record({"filename": Text()})))})


@dataclass(frozen=True)
class _Part:
    """One split, or all of a dataset without splits: its folder and its name as a split."""

    folder: Path
    split: str


def is_saved_dataset(folder: Path) -> bool:
    """Whether `save_to_disk` wrote this folder."""
    if (folder / "dataset_dict.json").is_file():
        return True
    return (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file()


def unpack_saved_dataset(
    folder: Path, cache_dir: Path, columns: Mapping[str, str] | None = None
) -> Path:
    """The manifest of a saved dataset's pictures, unpacked into the cache unless they are there.

    Args:
        folder: that `save_to_disk` wrote.
        cache_dir: pictures go below it, under a digest of the Arrow files' names, sizes and times.
        columns: what path (the pictures), label, domain, split and group are called there.

    Raises:
        DataError: a file cannot be read, or there are no pictures or no labels.
    """
    require_pyarrow(f"reading the saved dataset {folder}")
    parts = _parts(folder)
    names = dict(columns or {})
    return unpack_once(
        folder,
        sorted(folder.rglob("*.arrow")),
        (f"{ours}={theirs}" for ours, theirs in names.items()),
        cache_dir,
        lambda work: (row for part in parts for row in _unpacked(part, work, names)),
    )


def _parts(folder: Path) -> list[_Part]:
    if not (folder / "dataset_dict.json").is_file():
        return [_Part(folder, "")]
    splits = _json(folder / "dataset_dict.json", _DICT).get("splits") or []
    if unknown := [name for name in splits if name.lower() not in _SPLITS]:
        raise DataError(
            f"the saved dataset {folder} has the split {unknown[0]!r}, which is none of "
            f"{', '.join(_SPLITS)}; give the folder of one split ({folder / str(splits[0])})"
        )
    return [_Part(folder / name, _SPLITS[name.lower()]) for name in splits]


def _unpacked(part: _Part, target: Path, columns: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Write each picture of a part; its row of the manifest."""
    features: dict[str, Any] = _json(part.folder / "dataset_info.json", _INFO).get("features") or {}
    header = list(features)
    usual = renamed(part.folder, [name.lower() for name in header], columns)
    if "path" not in columns:
        pictures = [i for i, name in enumerate(header) if _kind(features[name]) == "Image"]
        if len(pictures) != 1:
            raise DataError(
                f"the saved dataset {part.folder} has {len(pictures)} columns of images "
                f"({some_names(header) or 'no columns'}); say which to take, with columns path=NAME"
            )
        usual = ["" if name == "path" else name for name in usual]
        usual[pictures[0]] = "path"
    if "label" not in usual:
        raise DataError(
            f"the saved dataset {part.folder} has no column 'label'.{proposal(usual, ('label',))} "
            f"Its columns are: {some_names(header)}"
        )
    names = {ours: header[usual.index(ours)] for ours in COLUMNS if ours in usual}
    for number, row in enumerate(_rows(part.folder, list(names.values()))):
        place = f"{part.folder}, row {number}"
        content, ending = _content(row[names["path"]], place, part.folder)
        path = f"{part.split or 'all'}-{number:06d}{ending}"
        write_bytes(target / path, content)
        texts = {"path": path}
        for ours, theirs in names.items():
            if ours != "path" and not is_missing(row[theirs]):
                texts[ours] = _text(row[theirs], features[theirs], place, ours)
        yield {**texts, "split": part.split} if part.split else texts


def _rows(folder: Path, names: list[str]) -> Iterator[dict[str, Any]]:
    import pyarrow as pa

    for entry in _json(folder / "state.json", _STATE).get("_data_files") or []:
        file = folder / entry["filename"]
        with (
            reads_parquet(file, "saved dataset", "Arrow", "save it again"),
            pa.memory_map(str(file)) as source,
            pa.ipc.open_stream(source) as stream,
        ):
            for batch in stream:
                batch.validate(full=True)  # else damaged offsets read beyond the file
                yield from batch.select(names).to_pylist()


def _content(value: Any, place: str, folder: Path) -> tuple[bytes, str]:
    """A picture's bytes, and the ending of its name where that is known."""
    found = value if isinstance(value, Mapping) else {"bytes": value}
    named = Path(str(found.get("path") or ""))
    if isinstance(found.get("bytes"), bytes):
        return found["bytes"], named.suffix or ".png"  # what it is shows in its content
    file = folder / named
    if named.name and file.is_file():
        return file.read_bytes(), named.suffix
    raise DataError(f"{place} holds no picture, and {str(named)!r} is not there")


def _text(value: Any, feature: Any, place: str, column: str) -> str:
    label = plain_label(value, place, column)
    known = feature.get("names") if isinstance(feature, Mapping) else None
    if known and isinstance(label, int) and not isinstance(label, bool):
        if not 0 <= label < len(known):
            raise DataError(f"{place} has the {column} {label}; there are {len(known)} names")
        return str(known[label])
    return str(label)


def _kind(feature: Any) -> str:
    return str(feature.get("_type", "")) if isinstance(feature, Mapping) else ""


def _json(file: Path, schema: Record) -> dict[str, Any]:
    return read_json(file, "the saved dataset", "save it again", schema=schema)
