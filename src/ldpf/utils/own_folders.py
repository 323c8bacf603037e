"""Output folders: made, refused if they hold files of others, and damaged parts set aside."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from ldpf.errors import SettingsError
from ldpf.utils.temporary import is_litter
from ldpf.utils.ways import named

log = logging.getLogger("ldpf")


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
