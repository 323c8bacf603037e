"""Walking folders for image files: lazily, in a fixed order, by name only; nothing is opened."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ldpf.data.formats import image_endings
from ldpf.data.left_out import LeftOut, is_system_folder
from ldpf.errors import DataError, SettingsError
from ldpf.utils.files import real_path
from ldpf.utils.paths import full_path, missing_path_error
from ldpf.utils.ways import named


@dataclass(slots=True)
class Folder:
    """One folder's own content.

    Attributes:
        path: Relative to where the walk started, with ``/``; ``""`` for the start itself.
        images: Names with an image ending, sorted; hidden files left out.
        subfolders: How many folders it holds (hidden ones left out).
        other_endings: How often each other file ending was seen.
        system_folders: Names of recycle bins and other folders of the system, which are not walked.
        hidden: How many hidden files and folders (leading dot) it holds.
    """

    path: str
    images: list[str] = field(default_factory=list)
    subfolders: int = 0
    other_endings: Counter[str] = field(default_factory=Counter)
    system_folders: list[str] = field(default_factory=list)
    hidden: int = 0


def walk_folders(root: str | Path) -> Iterator[Folder]:
    """Every folder below `root`, itself first, then its subfolders in sorted order, depth first.

    Hidden files and folders (leading dot) and folders of the system (recycle bins, ``__MACOSX``,
    ``@eaDir``; see `ldpf.data.left_out`) are left out. Links to files and to folders are followed;
    a link that leads back to a folder it lies in is left out with a warning. A broken link with an
    image ending is listed, so that checking the images reports it.

    Raises:
        DataError: A folder cannot be read.
    """
    # Each entry: full path, relative path, and the identity of every folder on the way down.
    stack: list[tuple[str, str, tuple[tuple[int, int], ...]]] = [(os.fspath(root), "", ())]
    endings = image_endings()
    while stack:
        full, relative, above = stack.pop()
        try:
            status = Path(full).stat()
            identity = (status.st_dev, status.st_ino)
            if identity in above:
                warnings.warn(
                    f"left out the folder {full}: it is a link to a folder it lies in",
                    stacklevel=2,
                )
                continue
            folder, names = _scan(full, relative, endings)
        except OSError as error:
            raise DataError(
                f"cannot read the folder {full}: {error.strerror or error}; "
                "check its permissions, or move it out of the dataset"
            ) from error
        yield folder
        prefix = f"{relative}/" if relative else ""
        for name in reversed(names):  # reversed: the stack gives the last one back first
            stack.append((os.path.join(full, name), prefix + name, (*above, identity)))  # noqa: PTH118


def _scan(full: str, relative: str, endings: frozenset[str]) -> tuple[Folder, list[str]]:
    """One folder's content and its sorted subfolder names. Plain strings: this runs per file."""
    folder = Folder(relative)
    subfolders: list[str] = []
    images = folder.images
    with os.scandir(full) as entries:
        for entry in entries:
            name = entry.name
            hidden = name.startswith(".")
            is_system = is_system_folder(name)
            if (is_system or not hidden) and _is_folder(entry):
                (folder.system_folders if is_system else subfolders).append(name)
                continue
            if hidden:
                folder.hidden += 1
                continue
            ending = "." + name.rpartition(".")[2].lower() if "." in name else ""
            if ending in endings:
                images.append(name)
            else:
                folder.other_endings[ending] += 1
    images.sort()
    subfolders.sort()
    folder.subfolders = len(subfolders)
    return folder, subfolders


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that points at itself
        return False


def iter_image_files(
    paths: Iterable[str | Path] | str | Path, *, left_out: LeftOut | None = None
) -> Iterator[Path]:
    """Image files, one after the other, from files and folders; lazy, for any number of files.

    Folders are walked with everything below them: a folder's own images sorted by name, then its
    subfolders in sorted order (see `walk_folders` for what is left out). A file given by name is
    yielded as it is, whatever its ending: reading it will tell. After the last one the log says
    what was left out, unless the caller counts that itself.

    Args:
        paths: One file or folder, or an iterable of them (itself consumed lazily).
        left_out: Counts what is left out; the caller says it.

    Raises:
        DataError: A path does not exist, or a folder cannot be read.
    """
    if isinstance(paths, (str, Path)):
        paths = (paths,)
    counted = LeftOut() if left_out is None else left_out
    for path in map(Path, paths):
        if not path.is_dir():
            if not path.exists():
                raise missing_path_error(path)
            yield path
            continue
        for folder in walk_folders(path):
            counted.add(folder)
            base = path / folder.path
            for name in folder.images:
                yield base / name
    if left_out is None:
        counted.say()


def check_outside(
    out: str | Path, folders: Iterable[Path | None], option: str | None = None
) -> None:
    """Refuse to write into a folder of images, or below it.

    A hidden folder (leading dot) in there is fine: it is never walked.

    Args:
        out: the file or folder to write; need not exist.
        folders: folders of images; None are skipped.
        option: names the setting in the error; None for `out`.

    Raises:
        SettingsError: `out` lies in one of them; links are followed.
    """
    target = real_path(full_path(out))
    for folder in folders:
        if folder is None or not target.is_relative_to(real_path(folder)):
            continue
        below = target.relative_to(real_path(folder)).parts
        if not any(part.startswith(".") for part in below):
            raise SettingsError(
                f"{option or named('out')} {str(out)!r} lies in the folder of the images, "
                f"{str(folder)!r}, where it would be read as data the next time; choose a place "
                "outside of that folder."
            )
