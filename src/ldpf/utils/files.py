"""The one writer of files: whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ldpf.utils.temporary import temporary_beside


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
    if is_special(path):
        with named_errors(path), path.open(mode, **text) as stream:
            yield stream
        return
    target = real_path(path)
    temporary = temporary_beside(target) if part is None else target.with_name(target.name + part)
    try:
        with named_errors(path, temporary):
            with temporary.open(mode, **text) as stream:
                yield stream
                if sync and not stream.closed:
                    # The content must be on disk before the name is, or a power cut leaves an
                    # empty file of that name.
                    stream.flush()
                    os.fsync(stream.fileno())
            temporary.replace(target)
    except BaseException:
        if part is None:
            temporary.unlink(missing_ok=True)
        raise


def append_text(path: Path, content: str) -> None:
    """Add text in UTF-8 to the end of a log; a process that is killed may leave half a line."""
    with named_errors(path), path.open("a", encoding="utf-8") as stream:
        stream.write(content)


@contextmanager
def named_errors(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Give errors of a file the name that a person knows it by."""
    try:
        yield
    except OSError as error:
        # Of a write to an open file, such as to a full disk, an error has no name at all.
        if error.errno is None or error.filename not in (None, str(temporary)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; see `open_atomic`."""
    with open_atomic(path, "wb") as stream:
        stream.write(content)


def write_together(files: Mapping[Path, bytes]) -> None:
    """Write files that belong together: all are on disk before the first one takes its name.

    A failure before that leaves the old files. The last of `files` takes its name last.

    Args:
        files: contents by path, in the order in which they take their names.

    Raises:
        OSError: a file cannot be written.
    """
    waiting: list[tuple[Path, Path]] = []
    try:
        for path, content in files.items():
            target = real_path(path)
            temporary = temporary_beside(target)
            waiting.append((temporary, target))
            with named_errors(path, temporary), temporary.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        _rename_all(waiting)
    except BaseException:
        for temporary, _ in waiting:
            temporary.unlink(missing_ok=True)
        raise


def _rename_all(waiting: Sequence[tuple[Path, Path]]) -> None:
    """Give files their names; once the first one has its name, an interruption waits."""
    interruption = None
    for number, (temporary, target) in enumerate(waiting):
        try:
            with named_errors(target, temporary):
                temporary.replace(target)
        except KeyboardInterrupt as stop:
            if number == 0 and temporary.exists():
                raise
            interruption = stop
            if temporary.exists():
                temporary.replace(target)
    if interruption is not None:
        raise interruption


def write_text(path: Path, content: str) -> None:
    """Write text in UTF-8, whole or not at all; see `open_atomic`."""
    write_bytes(path, content.encode())


def file_digest(path: Path) -> str | None:
    """SHA-256 of a file, in hex digits; None where there is none, or a pipe in its place."""
    try:
        if is_special(path):
            return None
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def real_path(path: Path) -> Path:
    """Where a path leads over all links; unlike `Path.resolve`, also where links form a circle."""
    return Path(os.path.realpath(path))


def is_special(path: Path) -> bool:
    """Whether a path is no regular file, or an open one by another name, as /dev/stdout may be."""
    # By its name as it is: the working directory may be gone.
    name = os.path.normpath(path)
    is_open = name.startswith(("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/"))
    return is_open or (path.exists() and not path.is_file())
