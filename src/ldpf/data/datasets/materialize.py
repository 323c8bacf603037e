"""Making a data set's folder out of other files: each file whole or not there, restartable."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ldpf.errors import DataError, SettingsError
from ldpf.utils.files import open_atomic, write_text
from ldpf.utils.json_files import read_json_or_none, write_json
from ldpf.utils.locks import locked_folder
from ldpf.utils.own_folders import is_empty
from ldpf.utils.progress import progress_bar
from ldpf.utils.schema import Record
from ldpf.utils.stopping import says_on_stop
from ldpf.utils.temporary import TEMPORARY
from ldpf.utils.ways import named
from ldpf.utils.writable import check_folder

STARTED = "preparing.json"
DONE = "prepared.json"


@dataclass(frozen=True)
class Placement:
    """One file to place: from where, and where to, relative to the new folder."""

    source: Path
    target: str


def place_all(
    out: Path,
    settings: dict[str, Any],
    placements: Sequence[Placement],
    texts: dict[str, str],
    summary: dict[str, Any],
    *,
    copy: bool = False,
    progress: bool = True,
) -> bool:
    """Fill a folder with links to files, or copies, and some text files.

    Each file appears whole or not at all. `out` holds `preparing.json` with the settings while it
    is worked on, and `prepared.json` once everything is there; a killed run resumes.

    Args:
        out: A new or empty folder, or one an earlier run with the same settings began.
        settings: What decides the result; a folder begun with other settings is refused.
        placements: The files.
        texts: Text files to write, by relative path.
        summary: Written into `prepared.json` besides the settings.
        copy: Copy; else hard links are made, and copies where the file system has none.
        progress: Show a progress bar on stderr.

    Returns:
        False if everything was there before.

    Raises:
        SettingsError: `out` is a file, or holds other things or what other settings made.
        DataError: A file cannot be read or written.
    """
    check_folder(out)
    with (
        locked_folder(out),
        says_on_stop(
            lambda: "The same command resumes: files that are placed are not placed again."
        ),
    ):
        return _place_all(out, settings, placements, texts, summary, copy=copy, progress=progress)


def _place_all(
    out: Path,
    settings: dict[str, Any],
    placements: Sequence[Placement],
    texts: dict[str, str],
    summary: dict[str, Any],
    *,
    copy: bool,
    progress: bool,
) -> bool:
    if _begin(out, settings):
        return False
    made: set[Path] = set()
    with progress_bar("placing images", len(placements), enabled=progress) as advance:
        for one in placements:
            target = out / one.target
            try:
                if target.parent not in made:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    made.add(target.parent)
                    for left in target.parent.glob(TEMPORARY):  # by a run that was killed
                        left.unlink(missing_ok=True)
                _place(one.source, target, copy=copy)
            except OSError as error:
                raise DataError(
                    f"cannot place {one.source} at {target} ({error.strerror or error}); the same "
                    "command resumes once that is repaired"
                ) from error
            advance(1)
    for name, text in texts.items():
        with _writing(out / name) as file:
            write_text(file, text)
    with _writing(out / DONE) as mark:
        write_json(mark, {**settings, **summary})
    (out / STARTED).unlink(missing_ok=True)
    return True


def _begin(out: Path, settings: dict[str, Any]) -> bool:
    """Mark the folder as being worked on; True if it is done already."""
    for mark in (DONE, STARTED):
        if not (out / mark).is_file():
            continue
        before = _settings_of(out / mark)
        differs = [key for key, value in settings.items() if before.get(key) != value]
        if differs:
            key = differs[0]
            raise SettingsError(
                f"{out} was made with {key} = {before.get(key)!r}, not {settings[key]!r}; give "
                f"another folder with {named('out')}, or remove that one"
            )
        return mark == DONE
    if out.is_dir() and not is_empty(out):
        raise SettingsError(
            f"{out} is not empty and was not begun by this command; give a new folder with "
            f"{named('out')}"
        )
    with _writing(out / STARTED) as mark:
        write_json(mark, settings)
    return False


def _settings_of(mark: Path) -> dict[str, Any]:
    return read_json_or_none(mark, Record()) or {}


def _place(source: Path, target: Path, *, copy: bool) -> None:
    if target.exists():
        return
    if not copy:
        try:
            # resolve(): a hard link to a symbolic link would be as fragile as that link
            os.link(source.resolve(), target)
            return
        except FileExistsError:
            return
        except OSError:
            pass  # another file system, or one without links: copy, which says what is wrong
    with source.open("rb") as content, open_atomic(target, "wb", sync=False) as stream:
        shutil.copyfileobj(content, stream)


@contextmanager
def _writing(file: Path) -> Iterator[Path]:
    """Make the folder of a file that is written next; say which file it is if that fails."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        yield file
    except OSError as error:
        raise DataError(f"cannot write {file} ({error.strerror or error})") from error
