"""Tar shards in webdataset's layout: files of one name up to its first dot are one sample.

`000017.jpg` is the picture, `000017.cls` its label, and `000017.json` may say label, domain, split
and group. Shards are read in one pass from the first byte to the last.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
import os
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ldpf.data.columns import COLUMNS, renamed
from ldpf.data.formats import image_endings
from ldpf.data.labels import is_missing, plain_label
from ldpf.data.limits import MAX_BYTES
from ldpf.data.split_names import shared_split_kinds, split_kind
from ldpf.data.unpacking import Row, unpack_once
from ldpf.errors import DataError
from ldpf.utils.text import count, quoted, some_names
from ldpf.utils.ways import setting

TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_WORDS_AT_MOST = 1_000_000
"""Bytes of a label or a description."""
_NOTES = frozenset({".txt", ".md", ".json"})
"""Endings of what may lie beside shards: class names, a README, their sizes."""
_COMPRESSED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
"""How a file is opened, by its first bytes."""
_CHUNK = 2**20
_PADDING_AT_MOST = 64 * _CHUNK
_PLACE = re.compile(r"[^\w.-]+")


def tar_shards(source: Path) -> list[Path]:
    """The shards of a file or folder, sorted; none where it holds anything but shards."""
    if source.is_file():
        return [source] if _is_tar(source) else []
    if not source.is_dir():
        return []
    files = [file for file in source.iterdir() if not file.name.startswith(".")]
    shards = sorted(file for file in files if _is_tar(file))
    others = (file for file in files if not _is_tar(file))
    return shards if all(file.suffix.lower() in _NOTES for file in others) else []


def unpack_tar_shards(
    source: Path, cache_dir: Path, columns: Mapping[str, str] | None = None
) -> Path:
    """The manifest of the pictures in shards, unpacked into the cache unless they are there.

    Its column label is empty where a sample has no label; see `require_labels`.

    Args:
        source: A shard, or a folder of shards; see `tar_shards`.
        cache_dir: Pictures go below it.
        columns: What label, domain, split and group are called in the .json files.

    Raises:
        DataError: A shard is damaged, cut off or holds links; or a sample comes twice, has two
            pictures, or says two things of its label. The message names shard and sample.
    """
    shards = tar_shards(source)
    names = {ours: theirs for ours, theirs in (columns or {}).items() if ours != "path"}
    kinds = shared_split_kinds([name_without_ending(shard) for shard in shards]) or {}
    if len({name_without_ending(shard) for shard in shards}) < len(shards):
        raise DataError(
            f"{source} has shards of one name with different endings; keep one of each: "
            f"{some_names(sorted(shard.name for shard in shards))}"
        )

    def unpack(work: Path) -> Iterator[Row]:
        for shard in shards:
            split = kinds.get(name_without_ending(shard))
            for row in _unpacked(shard, work / name_without_ending(shard), names):
                row["path"] = f"{name_without_ending(shard)}/{row['path']}"
                yield row if split is None else {"split": split, **row}

    settings = ("tar shards", *(f"{ours}={theirs}" for ours, theirs in names.items()))
    return unpack_once(source, shards, settings, cache_dir, unpack)


@dataclass
class _Sample:
    """The members of a shard that have one name up to the first dot."""

    key: str
    number: int
    place: str
    picture: str | None = None
    words: dict[str, str] = field(default_factory=dict)


def _unpacked(shard: Path, target: Path, columns: Mapping[str, str]) -> Iterator[Row]:
    """Write each picture of a shard; its row of the manifest."""
    target.mkdir()
    keys: set[str] = set()
    without = 0
    for sample in _samples(shard, target, columns):
        if sample.key in keys:
            raise DataError(
                f"{shard} has the sample {quoted(sample.key)} twice, with others between; files of "
                "one sample lie side by side: write the shard again"
            )
        keys.add(sample.key)
        if sample.picture is None:
            without += 1
            continue
        yield {"path": sample.picture, "label": "", **sample.words}
    if without == len(keys):
        raise DataError(
            f"{shard} has {count(len(keys), 'sample')} and no picture; pictures end in "
            f"{', '.join(sorted(image_endings()))}"
        )


def _samples(shard: Path, target: Path, columns: Mapping[str, str]) -> Iterator[_Sample]:
    sample: _Sample | None = None
    with _reads(shard), _opened(shard) as archive:
        for member in archive:
            if member.isdir():
                continue
            place = f"{shard}, {quoted(member.name)}"
            if not member.isfile():
                raise DataError(f"{place} is a link or a device; pack the file itself")
            key, ending = _key_and_ending(member.name)
            if PurePosixPath(member.name).name.startswith("."):
                continue  # ._000017.jpg and .DS_Store of other systems
            if sample is None or sample.key != key:
                if sample is not None:
                    yield sample
                number = 0 if sample is None else sample.number + 1
                sample = _Sample(key, number, f"{shard}, sample {quoted(key)}")
            content = archive.extractfile(member)
            assert content is not None  # it is a file
            if ending in image_endings():
                _write_picture(sample, place, target, ending, member.size, content)
            elif ending in (".cls", ".json"):
                if member.size > _WORDS_AT_MOST:
                    raise DataError(
                        f"{place} has {member.size:,} bytes, more than a label or a description "
                        f"may have ({_WORDS_AT_MOST:,})"
                    )
                _read_words(sample, place, ending, content.read(), columns)
    if sample is not None:
        yield sample


def _write_picture(
    sample: _Sample, place: str, target: Path, ending: str, size: int, content: Any
) -> None:
    if sample.picture is not None:
        raise DataError(
            f"{sample.place} has two pictures ({sample.picture} and {ending}); give other "
            "pictures, such as masks, an ending of two parts (.mask.png)"
        )
    if size > MAX_BYTES:
        raise DataError(f"{place} has {size:,} bytes, above the limit of {MAX_BYTES:,}")
    # The name only has to be one, and to tell a person which it is: the key may be any text.
    name = f"{sample.number:06d}-{_PLACE.sub('_', sample.key)[-80:]}{ending}"
    (target / name).write_bytes(content.read())
    sample.picture = name


def _read_words(
    sample: _Sample, place: str, ending: str, content: bytes, columns: Mapping[str, str]
) -> None:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{place} is no text in UTF-8 ({error}); write it again") from error
    if ending == ".cls":
        found = {"label": text.strip()} if text.strip() else {}
    else:
        found = _described(text, place, columns)
    for column, value in found.items():
        if sample.words.get(column, value) != value:
            raise DataError(
                f"{sample.place} has the {column} {quoted(sample.words[column])} and "
                f"{quoted(value)}; keep one of .cls and .json"
            )
        sample.words[column] = value


def _described(text: str, place: str, columns: Mapping[str, str]) -> dict[str, str]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place} is no JSON ({error}); write it again") from error
    if not isinstance(content, dict):
        raise DataError(
            f"{place} is {quoted(content, 40)}; give an object such as {{'label': 'cat'}}"
        )
    header = [name.lower() for name in content]
    # A description may lack what others have; what is missing everywhere is said of the labels.
    there = {ours: theirs for ours, theirs in columns.items() if theirs in header}
    usual = renamed(Path(place), header, there)
    values = list(content.values())
    found = {
        ours: str(plain_label(values[usual.index(ours)], place, ours))
        for ours in COLUMNS[1:]
        if ours in usual and not is_missing(values[usual.index(ours)])
    }
    if "split" in found:
        found["split"] = split_kind(found["split"]) or found["split"]
    return found


def require_labels(source: Path, manifest: Path) -> None:
    """Refuse shards without labels, as data to learn from.

    Args:
        source: The shards, for the message.
        manifest: Of their pictures, from `unpack_tar_shards`.

    Raises:
        DataError: A sample has none; the message names the first.
    """
    with manifest.open(encoding="utf-8", newline="") as stream:
        labels = [(row["path"], row["label"]) for row in csv.DictReader(stream)]
    without = [path for path, label in labels if not label]
    if without:
        raise DataError(
            f"{source}: {len(without):,} of {count(len(labels), 'sample')} have no label, the "
            f"first is {without[0]}; a label is a file KEY.cls beside KEY.jpg, or 'label' in "
            f"KEY.json ({setting('columns', 'label=NAME')} where it is called otherwise). Folders "
            "packed as one archive are unpacked first"
        )


def _key_and_ending(name: str) -> tuple[str, str]:
    path = PurePosixPath(name)
    first, dot, rest = path.name.partition(".")
    return str(path.parent / first), (dot + rest).lower()


def _is_tar(file: Path) -> bool:
    return file.name.lower().endswith(TAR_ENDINGS) and file.is_file()


def name_without_ending(shard: Path) -> str:
    """The name of a shard without .tar or .tar.gz."""
    lower = shard.name.lower()
    ending = next(e for e in sorted(TAR_ENDINGS, key=len, reverse=True) if lower.endswith(e))
    return shard.name[: -len(ending)] or "shard"


@contextmanager
def _opened(shard: Path) -> Iterator[tarfile.TarFile]:
    """A shard as it is read in one pass; at the end it is checked to be whole."""
    with shard.open("rb") as stream:
        start = stream.read(6)
        stream.seek(-min(shard.stat().st_size, tarfile.BLOCKSIZE), os.SEEK_END)
        end = stream.read()
    opens = next((o for known, o in _COMPRESSED.items() if start.startswith(known)), None)
    if opens is None and any(end):  # cut off between two files, which tarfile takes for whole
        raise tarfile.ReadError("no end of the archive")
    with (
        shard.open("rb") if opens is None else opens(shard, "rb") as content,
        tarfile.open(fileobj=content, mode="r|") as archive,
    ):
        yield archive
        for _ in range(_PADDING_AT_MOST // _CHUNK):  # the check sums of compression stand last
            if not content.read(_CHUNK):
                return
        raise tarfile.ReadError("bytes behind the end of the archive")


@contextmanager
def _reads(shard: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk; gzip and bz2 raise it without a number
        raise DataError(
            f"the shard {shard} is damaged or cut off ({error}); copy or write it again"
        ) from error
