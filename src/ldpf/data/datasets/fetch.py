"""A named data set from its copy on the Hugging Face hub, as folders DOMAIN/CLASS/IMAGE."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ldpf.data.datasets.base import HubCopy, NamedDataset, name_key
from ldpf.data.datasets.check import DatasetCheck, check_named_dataset
from ldpf.data.parquet import reads_parquet
from ldpf.errors import DataError
from ldpf.utils.constraints import Text
from ldpf.utils.failures import is_of_storage
from ldpf.utils.files import write_bytes
from ldpf.utils.json_files import read_json, write_json
from ldpf.utils.locks import locked_folder
from ldpf.utils.own_folders import check_own_folder
from ldpf.utils.progress import progress_bar
from ldpf.utils.schema import ListOf, Record
from ldpf.utils.text import first_line
from ldpf.utils.ways import named
from ldpf.utils.writable import check_folder

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger("ldpf")

STATE = ".ldpf-fetch"
"""Folder for what is under way: Parquet files, and which images each of them has given."""

_DONE = "fetched.json"
_FETCHED = Record({"repo": Text(), "revision": Text(), "files": ListOf(Text())})
"""What that file holds."""

_NAMES = ListOf(Text(empty=True))
_ROWS_AT_ONCE = 64
_TIMEOUT_S = 10.0
# By their first bytes; what is none of these keeps the ending it came with.
_ENDINGS = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"GIF8": ".gif", b"BM": ".bmp"}


@dataclass(frozen=True)
class Fetched:
    """What `fetch_named_dataset` did.

    Attributes:
        check: The folder compared with what is published.
        repo: Id of the copy.
        revision: Of the copy.
        written: Images written now; the others were there.
    """

    check: DatasetCheck
    repo: str
    revision: str
    written: int


def fetch_named_dataset(dataset: NamedDataset, to: Path, *, progress: bool = True) -> Fetched:
    """Fetch a data set's copy, write its images as files, and count them.

    What is there is kept: stopped at any moment, the same call resumes, at the Parquet file where
    it was. An image keeps its bytes, and the name it has in the copy, if it has one.

    Args:
        dataset: which.
        to: a new folder, or one that an earlier call has begun.
        progress: Show a progress bar on stderr.

    Raises:
        DataError: No copy is known, the hub cannot be reached or refuses, or the copy is of another
            form or has a class or domain that the data set has not.
        SettingsError: `to` holds other files.
    """
    if dataset.copy is None:
        raise DataError(
            f"no copy of {dataset.title} on the hub is known; get it at "
            f"{' or '.join(dataset.home)}, then 'ldpf datasets check {dataset.name} FOLDER' counts "
            "what you have"
        )
    _require_pyarrow(dataset)
    to = check_folder(to, named("to")).absolute()
    check_own_folder(to, (STATE, _DONE), "data set that was fetched", named("to"))
    with locked_folder(to, named("to")):
        state = to / STATE
        state.mkdir(exist_ok=True)
        done = _done(to, dataset.copy)
        with _hub_errors(dataset.copy):
            revision, files = _listed(dataset.copy, done.get("revision"))
        done = {"repo": dataset.copy.repo, "revision": revision, "files": done.get("files", [])}
        taken: set[str] = set()
        written = 0
        with progress_bar(f"fetching {dataset.title}", len(files), enabled=progress) as advance:
            for file in files:
                names = state / f"{file.replace('/', '--')}.json"
                if file in done["files"] and names.is_file():
                    what = "the list of fetched images"
                    taken.update(read_json(names, what, "delete it", schema=ListOf(Text())))
                    advance(1)
                    continue
                with _hub_errors(dataset.copy):
                    parquet = _downloaded(dataset.copy, revision, file, state)
                written += _unpack(dataset, dataset.copy, parquet, to, names, taken)
                done["files"].append(file)
                write_json(to / _DONE, done)
                parquet.unlink(missing_ok=True)
                advance(1)
    return Fetched(check_named_dataset(dataset, to), dataset.copy.repo, revision, written)


def _require_pyarrow(dataset: NamedDataset) -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise DataError(
            f"the copy of {dataset.title} is Parquet, and reading it needs pyarrow; install it "
            "with: pip install 'ldpf[parquet]'"
        ) from error


def _done(to: Path, copy: HubCopy) -> dict[str, Any]:
    """What an earlier call has finished; of another copy, an error."""
    if not (to / _DONE).is_file():
        return {}
    fix = "delete the folder and fetch it anew"
    known = read_json(to / _DONE, "what was fetched", fix, schema=_FETCHED)
    if known.get("repo") != copy.repo:
        raise DataError(
            f"{to} holds what was fetched from {known.get('repo')}, not from {copy.repo}; give "
            "another folder"
        )
    return known


def _listed(copy: HubCopy, revision: str | None) -> tuple[str, list[str]]:
    """The revision of the copy, the one begun with if any, and its Parquet files, sorted."""
    from huggingface_hub import HfApi

    info = HfApi().dataset_info(copy.repo, revision=revision, timeout=_TIMEOUT_S)
    names = sorted(entry.rfilename for entry in info.siblings or [])
    files = [name for name in names if fnmatch(name, copy.files)]
    if not files:
        raise DataError(
            f"the copy {copy.repo} on the hub has no file {copy.files} (any more); its files are "
            f"{', '.join(names[:8]) or 'none'}"
        )
    return info.sha or "main", files


def _downloaded(copy: HubCopy, revision: str, file: str, state: Path) -> Path:
    """A Parquet file in the folder of what is under way; a part that is there is gone on with."""
    from huggingface_hub import hf_hub_download

    return Path(
        hf_hub_download(
            copy.repo,
            file,
            repo_type="dataset",
            revision=revision,
            local_dir=state,
            etag_timeout=_TIMEOUT_S,
        )
    )


def _unpack(
    dataset: NamedDataset, copy: HubCopy, parquet: Path, to: Path, names: Path, taken: set[str]
) -> int:
    """Write a Parquet file's images that are not there yet; how many these were."""
    places: list[str] = []
    written = 0
    try:
        for folder, name, content in _images(dataset, copy, parquet):
            place = _place(folder, name, content, len(places), parquet, taken)
            taken.add(place)
            places.append(place)
            written += _write(to / place, content)
    except DataError:
        parquet.unlink(missing_ok=True)
        raise
    write_json(names, places)
    return written


def _images(
    dataset: NamedDataset, copy: HubCopy, parquet: Path
) -> Iterator[tuple[str, str | None, bytes]]:
    """Folder, name (None where the copy has none) and content of each image of a Parquet file."""
    import pyarrow.parquet as pq

    fix = "the same command fetches it anew"
    with reads_parquet(parquet, f"copy {copy.repo},", fix=fix), pq.ParquetFile(parquet) as table:
        columns = (copy.image, copy.label, copy.domain)
        lacking = [name for name in columns if name not in table.schema_arrow.names]
        if lacking:
            raise DataError(
                f"the copy {copy.repo} has no column {lacking[0]!r}, but "
                f"{', '.join(table.schema_arrow.names)}; it is of another form than was known"
            )
        classes, domains = _folders(dataset, copy, table, columns[1:])
        for batch in table.iter_batches(_ROWS_AT_ONCE, columns=list(columns)):
            values = (column.to_pylist() for column in batch.columns)
            for image, label, domain in zip(*values, strict=True):
                content = image["bytes"]
                if not isinstance(content, bytes):
                    raise TypeError(f"an image is {type(content).__name__} and no bytes")
                yield f"{domains[domain]}/{classes[label]}", image.get("path"), content


def _folders(
    dataset: NamedDataset, copy: HubCopy, table: Any, columns: Sequence[str]
) -> list[dict[Any, str]]:
    """For classes and for domains, the official folder of each value in the copy."""
    found = []
    known = (dataset.class_keys(), dataset.domain_keys())
    for column, keys in zip(columns, known, strict=True):
        names = _names(table.schema_arrow, column)
        values = table.read(columns=[column])[column].unique().to_pylist()
        folders = {}
        for value in values:
            name = str(names[value] if names and isinstance(value, int) else value)
            if name_key(name) not in keys:
                raise DataError(
                    f"the copy {copy.repo} has the {column} {name!r}, which {dataset.title} has "
                    "not; it is of another form than was known"
                )
            folders[value] = keys[name_key(name)]
        found.append(folders)
    return found


def _names(schema: pa.Schema, column: str) -> list[str] | None:
    """Names of the numbers in a column, as `datasets` keeps them in a Parquet file."""
    try:
        known = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    except (ValueError, RecursionError):
        return None
    described = Record({"info": Record({"features": Record({column: Record({"names": _NAMES})})})})
    return known["info"]["features"][column]["names"] if described.allows(known) else None


def _place(
    folder: str, path: str | None, content: bytes, row: int, parquet: Path, taken: set[str]
) -> str:
    """Where an image goes: by its own name, or another where that is not known or used already."""
    ending = next((e for head, e in _ENDINGS.items() if content.startswith(head)), "")
    name = (path or "").replace("\\", "/").rpartition("/")[2]
    stem, dot, own = name.rpartition(".")
    if not name.strip("."):
        stem, dot, own = "", "", ""
    place = f"{folder}/{stem}{dot}{own}"
    if not stem or place in taken:
        # Of the Parquet file and row alone, so that a second call gives the same name.
        mark = f"{parquet.stem}-{row:06d}"
        place = f"{folder}/{f'{stem}-' if stem else ''}{mark}{f'.{own}' if own else ending}"
    return place


def _write(file: Path, content: bytes) -> bool:
    """Write a file unless it is there with as many bytes; whether it was written."""
    if file.is_file() and file.stat().st_size == len(content):
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(file, content)
    return True


@contextmanager
def _hub_errors(copy: HubCopy) -> Iterator[None]:
    """Say in one sentence what the hub, or the way to it, refuses."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # the hub client's own transport errors share no public base
        home = type(error).__module__.split(".")[0]
        if not isinstance(error, OSError | RuntimeError | ValueError) and home not in {
            *("httpx", "httpx2", "httpcore", "requests", "huggingface_hub"),
        }:
            raise
        if is_of_storage(error):
            raise DataError(
                f"the copy {copy.repo} cannot be stored on this machine ({first_line(error)}); "
                "what is there is kept, and the same command resumes once there is room"
            ) from error
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise DataError(
            f"the copy {copy.repo} cannot be fetched from the hub ({reason[:160]}); what is there "
            "is kept, and the same command resumes. Behind a proxy or mirror set HTTPS_PROXY or "
            "HF_ENDPOINT"
        ) from error
