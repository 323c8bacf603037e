"""The state of files on disk, by which the cache knows them again."""

from __future__ import annotations

import hashlib

import numpy as np

from ldpf.data.bad_images import BadImage, UnreadableImageError
from ldpf.data.boxes import boxed_digest
from ldpf.data.dataset import ImageDataset
from ldpf.data.decoding_pool import decoding_pool
from ldpf.data.images import require_plain_file
from ldpf.features.cache import FileKeys, mtime_of
from ldpf.utils.paths import why_missing
from ldpf.utils.progress import progress_bar


def file_keys(
    dataset: ImageDataset, workers: int, *, verify: bool = False, progress: bool = True
) -> tuple[FileKeys, list[BadImage]]:
    """The state of every file of a dataset now.

    Args:
        dataset: Which files.
        workers: Threads.
        verify: Also read every file, for the digest of its content.
        progress: Show progress on stderr while contents are read.

    Returns:
        The keys, and the files that are bad by their state alone: not there (any more), folders,
        empty or enormous; the keys of these mean nothing.
    """
    count = len(dataset)
    sizes = np.full(count, -1, np.int64)
    mtimes = np.zeros(count, np.int64)
    digests = np.zeros((count, 32), np.uint8) if verify else None

    def look_at(rows: range) -> list[BadImage]:
        return [one for one in map(look, rows) if one is not None]

    def look(i: int) -> BadImage | None:
        file = dataset.file(i)
        try:
            status = file.stat()
            require_plain_file(file, status)
            sizes[i], mtimes[i] = status.st_size, mtime_of(status)
            if digests is not None:
                with file.open("rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").digest()
                own = boxed_digest(digest, dataset.paths[i])
                digests[i] = np.frombuffer(own, np.uint8)
        except UnreadableImageError as error:
            return BadImage(dataset.paths[i], error.reason)
        except FileNotFoundError:
            return BadImage(dataset.paths[i], why_missing(file))
        except OSError as error:
            return BadImage(dataset.paths[i], f"cannot be read: {error.strerror or error}")
        except ValueError as error:
            return BadImage(dataset.paths[i], f"no file can have this name: {error}")
        return None

    bad: list[BadImage] = []
    with (
        progress_bar("comparing files", count, enabled=progress and verify) as advance,
        decoding_pool(workers) as pool,
    ):
        # Threads: file systems on a network answer many questions at once, one by one is slow.
        chunks = [range(start, min(start + 256, count)) for start in range(0, count, 256)]
        for rows, found in zip(chunks, pool.map(look_at, chunks), strict=True):
            bad += found
            advance(len(rows))
    return FileKeys(dataset.paths, sizes, mtimes, digests), bad
