"""Whether an output can be written, found out by trying before any work begins."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ldpf.errors import SettingsError
from ldpf.utils.files import is_special, real_path
from ldpf.utils.paths import full_path
from ldpf.utils.temporary import remove_litter, temporary_beside
from ldpf.utils.text import quoted
from ldpf.utils.ways import named

_LONGEST_ENDING = ".part"
"""What a file's name gets while rows are added to it; see `ldpf.workflows.writers`."""

_WRITTEN_BESIDE = {".html", ".md", ".tex"}
"""Endings of what is written into a folder that is read from, and never read."""

_DRAFT = "draft"
"""Of the empty file by which a folder is tried."""

_PATIENCE = 20  # times that another process may remove the folder just made


def check_file(file: str | Path, option: str | None = None) -> Path:
    """Refuse an output file that cannot be written; nothing is left behind.

    Args:
        file: where to write; a device or a pipe is only asked for its permission.
        option: that names it, for the message; None for `out`.

    Returns:
        The path with `~` in full.

    Raises:
        SettingsError: it is a folder, or a file that is write-protected; its name is empty, too
            long, an address, or none that a path can have; or no file can be made beside it.
    """
    path = full_path(file, option or named("out"))
    _check_place(path, option)
    _check_name(path, path, option)
    if path.is_dir():
        raise SettingsError(
            f"{_shown(path)} is a folder; give a file in it with {option or named('out')}."
        )
    if path.exists() and is_special(path):
        if not os.access(path, os.W_OK):
            raise _cannot(path, PermissionError(errno.EACCES, "Permission denied"), option)
        return path
    target = real_path(path)
    if target.exists() and not os.access(target, os.W_OK):
        # It could be replaced, since its folder may be written; who protects a file means it.
        raise _cannot(path, PermissionError(errno.EACCES, "it is write-protected"), option)
    _check_name(target.with_name(target.name + _LONGEST_ENDING), path, option)
    _try_in(target.parent, path, option)
    return path


def check_folder(folder: str | Path, option: str | None = None) -> Path:
    """Refuse an output folder that cannot be made or written into; nothing is left behind.

    Args:
        folder: need not exist.
        option: that names it, for the message; None for `out`.

    Returns:
        The path with `~` in full.

    Raises:
        SettingsError: it is a file; its name is empty, too long, or none that a path can have; or
            it cannot be made, or written into.
    """
    path = full_path(folder, option or named("out"))
    _check_place(path, option)
    _check_name(path, path, option)
    if path.exists() and not path.is_dir():
        raise SettingsError(
            f"{_shown(path)} is a file; give a folder with {option or named('out')}."
        )
    _try_in(path, path, option)
    return path


def check_apart(out: Path, read: Iterable[str | Path], option: str | None = None) -> None:
    """Refuse to replace a file that is read.

    Args:
        out: the file to write; links are followed.
        read: files and folders; of a folder, the files right in it are meant.
        option: that names `out`, for the message; None for `out`.

    Raises:
        SettingsError: `out` is one of them.
    """
    if not out.is_file() or is_special(out):
        return
    for given in map(Path, read):
        try:
            same = given.samefile(out) or (given.is_dir() and given.samefile(real_path(out).parent))
        except (OSError, ValueError):  # the place that is read from is missing; others say so
            continue
        if same and out.suffix.lower() not in _WRITTEN_BESIDE:
            raise SettingsError(
                f"{_shown(out)} is read here, and would be lost; give another file with "
                f"{option or named('out')}."
            )


def _try_in(folder: Path, asked: Path, option: str | None) -> None:
    """Write an empty file into a folder, and take it away; the folder too, if it is new."""
    try:
        made = [one for one in (folder, *folder.parents) if not one.exists()]
    except OSError as error:  # a name in between that is too long, or a folder nobody may look into
        raise _cannot(asked, error, option) from error
    try:
        _write_in(folder)
    except OSError as error:
        raise _cannot(asked, error, option) from error
    finally:
        for one in made:
            with suppress(OSError):
                one.rmdir()


def _write_in(folder: Path) -> None:
    for attempt in range(_PATIENCE):
        draft = temporary_beside(folder / _DRAFT)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            draft.touch(exist_ok=False)
        except FileNotFoundError:  # another process, trying the same, has removed the folder
            if attempt == _PATIENCE - 1:
                raise
        else:
            draft.unlink()
            remove_litter(folder, of=_DRAFT)  # of a process that was killed in between
            return


def _check_place(path: Path, option: str | None) -> None:
    """Refuse what is meant for something else than a place in the file system."""
    text = str(path)
    if text == "-":
        looks = "stands for a stream in other programs"
    elif _ADDRESS.match(text):
        looks = "is the address of another machine, and nothing is sent there"
    elif not text.strip():
        looks = "is blank"
    else:
        return
    raise SettingsError(
        f"{_shown(path)} {looks}; give a place on this machine with {option or named('out')}."
    )


_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""`https://`, `s3://`; a path has collapsed the second slash."""


def _check_name(path: Path, asked: Path, option: str | None) -> None:
    """Refuse what the operating system cannot look for; that nothing is there (yet) is fine."""
    try:
        path.lstat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _cannot(asked, error, option) from error


def _cannot(path: Path, error: OSError, option: str | None) -> SettingsError:
    return SettingsError(
        f"{_shown(path)} cannot be written ({error.strerror or error}); give another place with "
        f"{option or named('out')}."
    )


def _shown(path: Path) -> str:
    return quoted(str(path), 120)
