"""Paths as people and files give them: empty, with ~, too long, or with signs no path can have."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

from ldpf.errors import DataError, SettingsError
from ldpf.utils.text import did_you_mean, quoted, shortened


def full_path(path: str | Path, what: str = "path") -> Path:
    """A path with `~` in full.

    Args:
        path: as given.
        what: what it is, for the message.

    Raises:
        SettingsError: it is no path at all, is empty, holds a NUL, or names the home of a user who
            is not known.
    """
    if not isinstance(path, str | os.PathLike):
        raise SettingsError(f"The {what} is {quoted(path)}; give it as text or as a Path.")
    text = str(path)
    if not text:
        raise SettingsError(f"The {what} is empty; '.' is the working directory.")
    if "\0" in text:
        raise SettingsError(f"The {what} {quoted(text)} holds a NUL, which no path can.")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise SettingsError(
            f"The {what} {quoted(text)} begins with the home folder of a user who is not known on "
            "this machine; give it in full."
        ) from error


def can_be_path(text: str) -> bool:
    """Whether the operating system can be asked for a path at all, whether there is one or not."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:  # half a character, as JSON can escape it
        return False


def working_directory() -> str | None:
    """The folder that relative paths start from; None where it was deleted."""
    try:
        return str(Path.cwd())
    except OSError:
        return None


def why_missing(path: str | Path) -> str:
    """Why there is no file at a path, where that can be seen in it, and what to do."""
    text = str(path)
    if _ADDRESS.search(text):
        return "a web address; download it and give the file"
    if text.startswith("data:"):
        return "a picture in text (a data URI); write what it holds to a file and give that"
    try:
        link = Path(path).is_symlink()
    except (OSError, ValueError):
        link = False
    return "a link to a file that does not exist" if link else "the file does not exist"


# One slash is enough: paths that were joined or normalized have lost the other.
_ADDRESS = re.compile(r"(^|/)(https?|ftp|s3|gs|az|hf|file):/", re.IGNORECASE)


def is_folder(path: str | Path) -> bool:
    """Whether there is such a folder; False also for a name that no file can have."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def named_folder(given: Path) -> tuple[str | None, Path]:
    """The name and the folder of NAME=FOLDER; no name where there is a folder called so."""
    name, equals, folder = str(given).partition("=")
    if not equals or not name or not folder or given.exists():
        return None, given
    return name, Path(folder)


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


def require_plain(path: Path) -> None:
    """Refuse to read what is no regular file, such as a pipe, which would be waited for.

    Raises:
        OSError: it is none, or there is nothing.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        number = errno.EISDIR if path.is_dir() else errno.EINVAL
        words = os.strerror(number) if path.is_dir() else "not a regular file"
        raise OSError(number, words, str(path))
