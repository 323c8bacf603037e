"""Pictures that lie in other files, unpacked once into the cache, as files with a manifest.

So everything that works with files works with them.
"""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from ldpf.data.columns import COLUMNS
from ldpf.errors import DataError
from ldpf.utils.files import write_text
from ldpf.utils.temporary import temporary_beside

MANIFEST = "manifest.csv"

Row = dict[str, str]
"""A row of the manifest, by column."""


def unpack_once(
    source: Path,
    files: Iterable[Path],
    settings: Iterable[str],
    cache_dir: Path,
    unpack: Callable[[Path], Iterable[Row]],
) -> Path:
    """The manifest of the pictures of a source; unpacked unless they are in the cache.

    Args:
        source: For messages.
        files: What the pictures lie in. Their places, sizes and times name the folder in the cache.
        settings: What else the pictures depend on.
        cache_dir: They go below it.
        unpack: Writes the pictures into a folder; a row for each, with its path there.

    Raises:
        DataError: There are no rows, or a file cannot be read or written.
    """
    target = cache_dir / "unpacked" / _digest(files, settings)
    if (target / MANIFEST).is_file():
        return target / MANIFEST
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = temporary_beside(target)
        work.mkdir()
    except OSError as error:
        raise DataError(
            f"{source} cannot be unpacked into {target.parent}: {error.strerror}; set LDPF_CACHE "
            "to a folder that can be written"
        ) from error
    try:
        rows = list(unpack(work))
        if not rows:
            raise DataError(f"{source} has no rows; give data with at least one picture")
        write_text(work / MANIFEST, _csv(rows))
        try:
            work.rename(target)
        except OSError:
            if not (target / MANIFEST).is_file():  # else another process was first
                raise
    except OSError as error:
        raise DataError(f"{source} cannot be unpacked: {error.strerror or error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target / MANIFEST


def _digest(files: Iterable[Path], settings: Iterable[str]) -> str:
    state = sorted(settings)
    for file in files:
        status = file.stat()
        state.append(f"{file.resolve()} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(state).encode(errors="surrogateescape")).hexdigest()[:16]


def _csv(rows: list[Row]) -> str:
    text = io.StringIO()
    names = ["path", *(name for name in COLUMNS[1:] if any(name in row for row in rows))]
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
