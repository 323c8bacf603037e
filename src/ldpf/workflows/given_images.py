"""Images that a command is given: files, folders, tables, and paths on standard input."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ldpf.data import image_endings, iter_image_files
from ldpf.data.boxes import split_box
from ldpf.data.left_out import LeftOut
from ldpf.data.manifest import list_paths
from ldpf.data.tables import MANIFEST_ENDINGS
from ldpf.data.tar_shards import tar_shards, unpack_tar_shards
from ldpf.errors import DataError
from ldpf.utils.cache_dir import cache_root
from ldpf.utils.paths import full_path, is_folder, missing_path_error
from ldpf.utils.shards import Shard

COUNT_FOR_S = 5.0
"""Seconds that counting images may take before the first one is read."""


def find_images(
    paths: Sequence[str],
    listed: Iterable[bytes] = (),
    left_out: LeftOut | None = None,
    columns: Mapping[str, str] | None = None,
    margin: float = 0.0,
) -> Iterator[Path]:
    """Files, images below folders and in tables, and for "-" the paths that are listed; lazy.

    A listed path that does not exist is passed on, and gets its row with an error.

    Args:
        paths: files, folders, tables with a column path, or "-".
        listed: lines with a path each, as standard input has them.
        left_out: counts what is left out; None says it in the log, folder by folder.
        margin: of the boxes of tables, see `ldpf.data.boxes`.

    Raises:
        DataError: a path in `paths` does not exist (before any other is looked at).
    """
    for path in paths:
        file, _ = split_box(path)
        if path != "-" and not full_path(file, "path of an image or folder").exists():
            raise missing_path_error(Path(file))
    for path in paths:
        if path != "-" and Path(path).suffix.lower() in MANIFEST_ENDINGS and Path(path).is_file():
            yield from list_paths(Path(path), columns, margin)
            continue
        if split_box(path)[1] is not None:
            yield Path(path)
            continue
        if path != "-" and tar_shards(full_path(path)):
            yield from list_paths(unpack_tar_shards(full_path(path), cache_root()))
            continue
        if path != "-":
            yield from iter_image_files(path, left_out=left_out)
            continue
        for line in listed:
            name = os.fsdecode(line.rstrip(b"\r\n"))
            if name and is_folder(name):
                yield from iter_image_files(name, left_out=left_out)
            elif name:
                yield Path(name)


def count_images(
    paths: Sequence[str], part: Shard | None = None, columns: Mapping[str, str] | None = None
) -> int | None:
    """How many images there are, of a part where one is given; or None.

    A list on standard input is not waited for, and folders so large or slow that counting takes
    more than a few seconds are not counted to the end.
    """
    if "-" in paths:
        return None
    until, total = time.monotonic() + COUNT_FOR_S, 0
    for file in find_images(paths, left_out=LeftOut(), columns=columns):
        total += part is None or part.has(str(file))
        if time.monotonic() > until:
            return None
    return total


def first_or_error(
    files: Iterator[Path], paths: Sequence[str], left_out: LeftOut
) -> Iterator[Path]:
    """The same files; after the last one the log says what was left out."""
    first = next(files, None)
    if first is not None:
        return itertools.chain([first], files, _said(left_out))
    raise no_images_error(paths, left_out)


def no_images_error(paths: Sequence[str], left_out: LeftOut) -> DataError:
    """What to raise where paths hold no image, with what was left out of their folders."""
    if list(paths) == ["-"]:
        return DataError(
            "No paths came in on standard input; pipe in one path a line, for example from "
            "find . -name '*.jpg'."
        )
    return DataError(
        f"There are no images in {', '.join(paths)}; images end in "
        f"{', '.join(sorted(image_endings()))}."
        + (f" Left out: {words}." if (words := left_out.words()) else "")
    )


def _said(left_out: LeftOut) -> Iterator[Path]:
    """No path; says what was left out when it is asked for one."""
    left_out.say()
    yield from ()
