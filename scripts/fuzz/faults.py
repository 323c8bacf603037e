"""Faults at a chosen moment: the process is killed, stopped, or refused a write.

Every file operation of Python passes an audit hook, which counts those that change a disk below
some folders; so each of them can be the last one.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_CHANGES = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"})


def at_write(number: int, folders: Sequence[Path], fault: Callable[[], None]) -> None:
    """Let `fault` happen just before the given change of what is below `folders`.

    Args:
        number: of the change, from 1.
        folders: the changes below which count.
        fault: what happens then.
    """
    roots = tuple(str(folder) for folder in folders)
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if not _changes(event, arguments) or not _path(arguments[0]).startswith(roots):
            return
        seen += 1
        if seen == number:
            fault()

    sys.addaudithook(hook)


def count_writes(folders: Sequence[Path], into: Path) -> None:
    """Write to a file of another folder how many changes there were, once the process ends."""
    roots = tuple(str(folder) for folder in folders)
    handle = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if _changes(event, arguments) and _path(arguments[0]).startswith(roots):
            os.write(handle, b".")

    sys.addaudithook(hook)


def _changes(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "open":
        _, mode, flags = arguments
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        return bool(writes) or (isinstance(mode, str) and any(c in mode for c in "wax+"))
    return event in _CHANGES


def _path(name: Any) -> str:
    if isinstance(name, str | bytes | os.PathLike):
        return os.fsdecode(name)
    return ""


def refused(number: int = errno.ENOSPC) -> Callable[[], None]:
    """A write that the system refuses, such as on a full disk."""

    def fail() -> None:
        raise OSError(number, os.strerror(number))

    return fail
