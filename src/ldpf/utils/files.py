"""Files written whole or not at all, JSON, hashes of settings, output folders, missing paths."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from pathlib import Path
from typing import Any

from ldpf.errors import DataError, SettingsError
from ldpf.utils.text import did_you_mean


def write_json(path: Path, content: Any) -> None:
    """Write JSON for people to read, whole or not at all."""
    write_bytes(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new one, never a part."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
