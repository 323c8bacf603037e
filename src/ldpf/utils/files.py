"""Files written whole or not at all, JSON, hashes of settings, output folders, missing paths."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ldpf.errors import DataError, LdpfError, SettingsError
from ldpf.utils.text import did_you_mean

TEMPORARY = ".*.tmp"
"""Pattern of the names of temporary files, which a process that is killed leaves behind."""

_NAME_KEPT = 40  # characters of a file's name in its temporary one: names end at 255 bytes


@contextmanager
def open_atomic(
    path: Path,
    mode: str = "w",
    *,
    part: str | None = None,
    errors: str | None = None,
    sync: bool = True,
) -> Iterator[IO[Any]]:
    """Open a file for writing so that a reader sees the old content or the new one, never a part.

    The content goes to a temporary file in the same folder, which takes the name once everything
    is written and on disk. If anything fails in between, the old file stays and the temporary one
    is removed. A symbolic link keeps pointing to the file, whose content is replaced. What is no
    regular file (`/dev/stdout`, a named pipe) is written directly.

    Args:
        path: where to write; its folder must exist.
        mode: "w" for text in UTF-8 with line ends as they are written, "wb" for bytes.
        part: the ending that makes the temporary name out of the file's, such as ".part". That
            file stays when the writing is stopped, so that what is written so far is not lost.
        errors: what to do with text that is no UTF-8, as for `open`.
        sync: wait until the content is on disk. Off for many files that can be made again.

    Raises:
        OSError: the file cannot be written.
    """
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "", "errors": errors}
    if _is_special(path):
        with path.open(mode, **text) as stream:
            yield stream
        return
    # Not `Path.resolve`: that one raises where links lead around in a circle.
    target = Path(os.path.realpath(path))
    if part is None:
        name = f".{target.name[:_NAME_KEPT]}-{os.getpid()}-{uuid.uuid4().hex[:12]}.tmp"
    else:
        name = target.name + part
    temporary = target.with_name(name)
    try:
        with temporary.open(mode, **text) as stream:
            yield stream
            if sync and not stream.closed:
                # The content must be on disk before the name is, or a power cut leaves an empty
                # file of that name.
                stream.flush()
                os.fsync(stream.fileno())
        temporary.replace(target)
    except BaseException:
        if part is None:
            temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; see `open_atomic`."""
    with open_atomic(path, "wb") as stream:
        stream.write(content)


def write_text(path: Path, content: str) -> None:
    """Write text in UTF-8, whole or not at all; see `open_atomic`."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write JSON for people to read, whole or not at all; see `open_atomic`."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path, what: str, fix: str, *, error: type[LdpfError] = DataError) -> Any:
    """The content of a JSON file.

    Args:
        path: the file, in UTF-8.
        what: what the file is, as in "the settings of the run".
        fix: what to do if it cannot be read, as in "delete the folder to run it again".
        error: class of the error.

    Raises:
        LdpfError: of that class, if there is no such file, it cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as reason:
        detail = reason.strerror or str(reason)
    except (ValueError, RecursionError) as reason:  # of bytes that are no UTF-8, too
        detail = f"not valid JSON: {reason}"
    raise error(f"Cannot read {what} in {str(path)!r} ({detail}); {fix}.")


def read_json_or_none(path: Path) -> Any:
    """The content of a JSON file; None where there is none, or it cannot be read."""
    try:
        return read_json(path, what="", fix="")
    except LdpfError:
        return None


def settings_hash(settings: dict[str, Any]) -> str:
    """Sixteen hex digits that name a run; equal settings give equal digits on every machine."""
    canonical = json.dumps(settings, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def new_folder(folder: Path, option: str = "--out") -> Path:
    """Create an output folder.

    Raises:
        SettingsError: it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"The folder {str(folder)!r} cannot be made ({error.strerror or error}); give another "
            f"one with {option}."
        ) from error
    return folder


def check_own_folder(folder: Path, marks: tuple[str, ...], what: str) -> None:
    """Refuse to write into a folder with other people's files.

    Args:
        folder: where results are to go; it need not exist.
        marks: names of which one at least shows that the folder is ours.
        what: what it would hold if it were, for the message.

    Raises:
        SettingsError: `folder` is a file, or holds files but none of `marks`.
    """
    if folder.is_file():
        raise SettingsError(f"{str(folder)!r} is a file; give a folder with --out.")
    ours = any((folder / mark).exists() for mark in marks)
    if folder.is_dir() and not ours and any(folder.iterdir()):
        raise SettingsError(
            f"The folder {str(folder)!r} is not empty and holds no {what}; give a new folder with "
            "--out so that nothing of yours is overwritten."
        )


def missing_path_error(path: Path) -> DataError:
    """The error for a path that does not exist: how far it exists, and the nearest names there."""
    parent = path.absolute()
    missing = parent.name
    while not parent.exists() and parent != parent.parent:
        missing = parent.name
        parent = parent.parent
    try:
        names = sorted(entry.name for entry in os.scandir(parent))[:10_000]
    except OSError:
        names = []
    return DataError(
        f"there is no file or folder {path}: {parent} holds no {missing!r}."
        f"{did_you_mean(missing, names)}"
    )


def _is_special(path: Path) -> bool:
    """Whether a path is no regular file, or an open one by another name, as /dev/stdout may be."""
    is_open = str(path.absolute()).startswith(("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/"))
    return is_open or (path.exists() and not path.is_file())
