"""Names of temporary files and folders, by which those of killed processes are recognized."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import itertools
import os
import platform
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

TEMPORARY = ".*.tmp"
"""Pattern of the names of temporary files, which a process that is killed leaves behind."""

LOCK = ".ldpf.lock"
"""Name of the lock in an output folder, and end of that of a file; see `ldpf.utils.locks`."""

_NAME_KEPT = 40  # characters of a file's name in its temporary one: names end at 255 bytes
_STALE_SECONDS = 24 * 3600.0  # where no process can be asked for, as of another machine
_CLOCKS_DIFFER = 60.0  # seconds between that of a file server and that of the machine
_NAME = re.compile(
    r"(?s)\.(?P<of>.*)-(?P<host>[0-9a-f]{6})-(?P<pid>\d+)-(?P<token>[0-9a-f]{8})-\d+\.tmp"
)
_TOKEN = uuid.uuid4().hex[:8]  # of this process: its number may have been another one's
_NUMBERS = itertools.count()


def temporary_beside(target: Path) -> Path:
    """A new name in the folder of `target`: no other process or thread has it."""
    unique = f"{_host()}-{os.getpid()}-{_TOKEN}-{next(_NUMBERS)}"
    return target.with_name(f".{target.name[:_NAME_KEPT]}-{unique}.tmp")


@contextmanager
def temporary_folder(target: Path) -> Iterator[Path]:
    """A new folder beside `target`, which is removed in the end."""
    folder = temporary_beside(target)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_litter(folder: Path, of: str | None = None, *, own: bool = False) -> None:
    """Remove temporary files and folders of processes that are gone; what cannot be stays.

    Args:
        folder: where they lie; its subfolders are not looked into.
        of: only those of the file or folder of this name; None for all.
        own: no one else writes into the folder: any `.*.tmp` is removed once it is a day old.
    """
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        match = _NAME.fullmatch(entry.name)
        if match is None and not (own and fnmatch.fnmatchcase(entry.name, TEMPORARY)):
            continue
        if match is not None and of is not None and match["of"] != of[:_NAME_KEPT]:
            continue
        with contextlib.suppress(OSError):
            if not _is_stale(entry, match):
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                Path(entry.path).unlink()


def is_litter(name: str) -> bool:
    """Whether a file name is one that this library gives to temporary files and locks."""
    return name.endswith(LOCK) or _NAME.fullmatch(name) is not None


def _is_stale(entry: os.DirEntry[str], match: re.Match[str] | None) -> bool:
    if match is None or match["host"] != _host():
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > _STALE_SECONDS
    pid = int(match["pid"])
    # In containers an earlier process may have had the same number.
    if pid == os.getpid():
        return match["token"] != _TOKEN
    try:
        begun = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
    # A number is given again: a process that began after the file was written has not written it.
    return begun > entry.stat(follow_symlinks=False).st_mtime + _CLOCKS_DIFFER


def _host() -> str:
    """Six hex digits of this machine's name."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]
