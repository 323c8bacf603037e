"""The one writer of files: whole or not at all. JSON, hashes of settings, output folders."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ldpf.errors import DataError, LdpfError, SettingsError
from ldpf.utils.paths import why_missing
from ldpf.utils.schema import first_problem
from ldpf.utils.temporary import is_litter, temporary_beside
from ldpf.utils.text import did_you_mean, shortened
from ldpf.utils.ways import named

if TYPE_CHECKING:
    from ldpf.utils.constraints import Constraint

log = logging.getLogger("ldpf")


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


def write_json(path: Path, content: Any) -> None:
    """Write JSON for people to read, whole or not at all; see `open_atomic` and `json_text`."""
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """JSON for people to read, with a final newline.

    Numbers and arrays of NumPy are written as those of Python, and paths as text. Text that is no
    UTF-8 (of a file name) is escaped.

    Raises:
        TypeError: it holds something else.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, default=_plain)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(content, indent=2, default=_plain)
    return text + "\n"


def _plain(value: Any) -> Any:
    import numpy as np  # late: the command line refuses and helps without it

    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")


def read_json(
    path: Path,
    what: str,
    fix: str,
    *,
    error: type[LdpfError] = DataError,
    schema: Constraint | None = None,
    at_most_mb: float = 64,
) -> Any:
    """The content of a JSON file.

    Args:
        path: the file, in UTF-8.
        what: what the file is, as in "the settings of the run".
        fix: what to do if it cannot be read, as in "delete the folder to run it again".
        error: class of the error.
        schema: what its content should be; see `ldpf.utils.schema`.
        at_most_mb: a larger file is refused before it is read.

    Raises:
        LdpfError: of that class, if there is no such file, it cannot be read, is no JSON, or its
            content should be another one (which names the field).
    """
    try:
        megabytes = path.stat().st_size / 1e6
        if megabytes > at_most_mb:
            raise ValueError(
                f"it holds {megabytes:,.0f} MB, and should hold {at_most_mb:g} at most"
            )
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as reason:
        detail = reason.strerror or str(reason)
    except (ValueError, RecursionError) as reason:  # of bytes that are no UTF-8, too
        detail = f"not valid JSON: {reason}"
    else:
        problem = None if schema is None else first_problem("", content, schema)
        if problem is None:
            return content
        detail = problem
    raise error(f"Cannot read {what} in {str(path)!r} ({detail}); {fix}.")


def read_json_or_none(path: Path, schema: Constraint | None = None) -> Any:
    """The content of a JSON file; None where it is missing, unreadable or not what it should be.

    Args:
        path: the file.
        schema: what its content should be, as for `read_json`.
    """
    try:
        return read_json(path, what="", fix="", schema=schema)
    except LdpfError:
        return None


def settings_hash(settings: dict[str, Any]) -> str:
    """Sixteen hex digits that name a run; equal settings give equal digits on every machine."""
    canonical = json.dumps(settings, sort_keys=True, ensure_ascii=True, default=_plain)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def file_digest(path: Path) -> str | None:
    """SHA-256 of a file, in hex digits; None where there is none."""
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def new_folder(folder: Path, option: str | None = None) -> Path:
    """Create an output folder.

    Raises:
        SettingsError: it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"The folder {str(folder)!r} cannot be made ({error.strerror or error}); give another "
            f"one with {option or named('out')}."
        ) from error
    return folder


def check_own_folder(
    folder: Path, marks: tuple[str, ...], what: str, option: str | None = None
) -> None:
    """Refuse to write into a folder with other people's files.

    Args:
        folder: where results are to go; it need not exist.
        marks: names of which one at least shows that the folder is ours.
        what: what it would hold if it were, for the message.
        option: that names it, for the message; None for `out`.

    Raises:
        SettingsError: `folder` is a file, or holds files but none of `marks`.
    """
    if folder.is_file():
        raise SettingsError(
            f"{str(folder)!r} is a file; give a folder with {option or named('out')}."
        )
    ours = any((folder / mark).exists() for mark in marks)
    if folder.is_dir() and not ours and not is_empty(folder):
        raise SettingsError(
            f"The folder {str(folder)!r} is not empty and holds no {what}; give a new folder with "
            f"{option or named('out')} so that nothing of yours is overwritten."
        )


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing but what a killed process of this library left behind."""
    return all(is_litter(entry.name) for entry in folder.iterdir())


DAMAGED = ".damaged"
"""Ending of what was set aside."""


def set_aside(path: Path, why: str, then: str, *, with_it: Sequence[Path] = ()) -> None:
    """Rename a damaged file or folder of ours, so that it stops nothing and is not lost.

    Args:
        path: it gets the ending `DAMAGED`, with a number where there is such a one.
        why: what is wrong with it.
        then: what happens next, for the warning.
        with_it: files that are renamed too, without a word.
    """
    aside, *_ = [_rename_aside(one) for one in (path, *with_it)]
    log.warning(
        "%s is damaged and was renamed to %s; %s. What is wrong: %s", path, aside.name, then, why
    )


def _rename_aside(path: Path) -> Path:
    names = (f"{path.name}{DAMAGED}{'' if n == 1 else f'-{n}'}" for n in itertools.count(1))
    aside = next(file for name in names if not os.path.lexists(file := path.with_name(name)))
    path.rename(aside)
    return aside


def missing_path_error(path: Path) -> DataError:
    """The error for a path that does not exist: how far it exists, and the nearest names there."""
    reason = why_missing(path)
    if reason.startswith("a "):  # an address, a picture in text, or a link that leads nowhere
        return DataError(f"there is no file or folder {shortened(str(path), 300)}: {reason}.")
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


def real_path(path: Path) -> Path:
    """Where a path leads over all links; unlike `Path.resolve`, also where links form a circle."""
    return Path(os.path.realpath(path))


def is_special(path: Path) -> bool:
    """Whether a path is no regular file, or an open one by another name, as /dev/stdout may be."""
    # By its name as it is: the working directory may be gone.
    name = os.path.normpath(path)
    is_open = name.startswith(("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/"))
    return is_open or (path.exists() and not path.is_file())
