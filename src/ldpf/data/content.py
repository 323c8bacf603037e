"""What is in a file, with its digest and the state it was in, all from one reading."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

from ldpf.data.bad_images import UnreadableImageError
from ldpf.data.boxes import boxed_digest, split_box
from ldpf.data.limits import IN_MEMORY
from ldpf.data.opening import require_plain_file
from ldpf.utils.paths import why_missing


@dataclass(frozen=True)
class Content:
    """Of one file.

    Attributes:
        data: All of it, or the open file where it is larger than `ldpf.data.limits.IN_MEMORY`.
        status: The state of the file that was read.
        sha256: Digest of its content, and of the box where the path has one.
    """

    data: bytes | BinaryIO
    status: os.stat_result
    sha256: bytes


@contextmanager
def content_of(path: str | Path) -> Iterator[Content]:
    """The content of a file, which must not change while it is used.

    Raises:
        UnreadableImageError: It cannot be read, is no plain file, or has changed.
    """
    stream = _opened(split_box(path)[0])
    with stream:
        before = os.fstat(stream.fileno())
        try:
            if before.st_size <= IN_MEMORY:
                read = stream.read()
                _require_unchanged(path, stream, before)
                digest, data = hashlib.sha256(read).digest(), cast("bytes | BinaryIO", read)
            else:
                digest = hashlib.file_digest(cast(BufferedReader, stream), "sha256").digest()
                stream.seek(0)
                data = stream
        except OSError as error:
            raise _unreadable(path, error) from error
        yield Content(data, before, boxed_digest(digest, path))
        _require_unchanged(path, stream, before)


def _opened(path: str | Path) -> BinaryIO:
    try:
        require_plain_file(path, Path(path).stat())
        return Path(path).open("rb")
    except UnreadableImageError:  # a ValueError too, and its sentence is right already
        raise
    except FileNotFoundError as error:
        raise UnreadableImageError(path, why_missing(path)) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError as error:
        raise UnreadableImageError(path, f"no file can have this name: {error}") from error


def _unreadable(path: str | Path, error: OSError) -> UnreadableImageError:
    return UnreadableImageError(path, f"cannot be read: {error.strerror or error}")


def _require_unchanged(path: str | Path, stream: BinaryIO, before: os.stat_result) -> None:
    after = os.fstat(stream.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise UnreadableImageError(path, "it changed while it was being read")
