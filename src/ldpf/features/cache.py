"""Encoded features on disk: immutable shards, any of which may be missing, doubled or damaged.

A folder holds the features of one dataset under one backbone. Every shard is a safetensors file
under a name of its own, written beside and then renamed, and never changed afterwards. A reader
looks through all of them for rows whose file path, size and modification time are the ones asked
for. So processes that write at once cannot disturb each other (at worst a row is stored twice), a
process killed at any moment leaves whole shards and perhaps a temporary file, and a changed image
is simply not found. `ldpf.features.contents` finds files under other paths by what they hold.
Deleting the folder loses nothing but time.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ldpf.data.images import READING_VERSION
from ldpf.errors import DataError
from ldpf.features.contents import KnownContents
from ldpf.features.rows import CachedRows
from ldpf.utils.files import write_bytes
from ldpf.utils.paths import require_plain
from ldpf.utils.temporary import remove_litter
from ldpf.utils.ways import named

FLUSH_IMAGES = 2_000
FLUSH_SECONDS = 30.0
_TENSORS = ("features", "paths", "sizes", "mtimes", "sha256")


@dataclass(frozen=True)
class FileKeys:
    """What tells one state of each file from another.

    Attributes:
        paths: N paths as in `ImageDataset.paths`.
        sizes: [N] int64, bytes.
        mtimes: [N] int64, modification times in nanoseconds.
        sha256: [N, 32] uint8, digests of the contents, or None where they need not be compared.
    """

    paths: tuple[str, ...]
    sizes: np.ndarray
    mtimes: np.ndarray
    sha256: np.ndarray | None = None


def mtime_of(status: os.stat_result) -> int:
    """A modification time in nanoseconds as an int64; one beyond the year 2262 wraps around."""
    return (status.st_mtime_ns + 2**63) % 2**64 - 2**63


class FeatureCache:
    """The shards of one dataset under one backbone.

    Args:
        cache_dir: As `ldpf.utils.cache_dir.cache_root()`; shards lie in a folder two levels below
            its `features`: first the backbone, then the dataset's root.
        root: The dataset's root folder.
        fingerprint: The backbone's, hexadecimal.
        embed_dim: D.
    """

    def __init__(self, cache_dir: Path, root: Path, fingerprint: str, embed_dim: int):
        place = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
        self.folder = cache_dir / "features" / fingerprint[:16] / place
        self._fingerprint = fingerprint
        self._embed_dim = embed_dim
        self._pending: list[tuple[str, int, int, bytes, np.ndarray]] = []
        self._last_flush = time.monotonic()

    def lookup(
        self, keys: FileKeys, contents: np.ndarray | None = None
    ) -> tuple[torch.Tensor, np.ndarray]:
        """The stored features of these files.

        Args:
            keys: Which files, in which state.
            contents: [N, 32] uint8, filled with the digests of the contents of the files found.

        Returns:
            Features [N, D] float32 (rows not found hold nothing of meaning) and found [N] bool.
        """
        features = torch.empty(len(keys.paths), self._embed_dim)
        found = np.zeros(len(keys.paths), dtype=bool)
        for _, shard, rows, wanted in self._matches(keys, found):
            features.numpy()[wanted] = shard["features"][rows]
            if contents is not None:
                contents[wanted] = shard["sha256"][rows]
        return features, found

    def places(
        self, keys: FileKeys, contents: np.ndarray | None = None
    ) -> tuple[CachedRows, np.ndarray]:
        """As `lookup`, but where the features are instead of the features themselves."""
        found = np.zeros(len(keys.paths), dtype=bool)
        file = np.zeros(len(keys.paths), np.int32)
        row = np.zeros(len(keys.paths), np.int32)
        files: list[Path] = []
        for name, shard, rows, wanted in self._matches(keys, found):
            file[wanted], row[wanted] = len(files), rows
            files.append(name)
            if contents is not None:
                contents[wanted] = shard["sha256"][rows]
        return CachedRows(tuple(files), file, row, self._embed_dim), found

    def _matches(
        self, keys: FileKeys, found: np.ndarray
    ) -> Iterator[tuple[Path, dict[str, np.ndarray], np.ndarray, np.ndarray]]:
        """Shards with those of their rows that are asked for, and where these belong.

        `found` [N] is filled in; nothing is given twice.
        """
        index = {path: i for i, path in enumerate(keys.paths)}
        for file, shard in self._shards():
            names = [os.fsdecode(name) for name in shard["paths"].tobytes().split(b"\0")]
            wanted = np.fromiter((index.get(name, -1) for name in names), np.int64, len(names))
            rows = np.flatnonzero(wanted >= 0)
            rows = rows[~found[wanted[rows]]]
            same = shard["sizes"][rows] == keys.sizes[wanted[rows]]
            same &= shard["mtimes"][rows] == keys.mtimes[wanted[rows]]
            if keys.sha256 is not None:
                same &= (shard["sha256"][rows] == keys.sha256[wanted[rows]]).all(axis=1)
            rows = rows[same]
            found[wanted[rows]] = True
            yield file, shard, rows, wanted[rows]
            if found.all():
                break

    def known_contents(self) -> KnownContents:
        """Features of everything that the backbone has encoded, in any folder, by content."""
        folders = self.folder.parent
        return KnownContents(sorted(folders.glob("*/shard-*.safetensors"), reverse=True), self.read)

    def require_writable(self) -> None:
        """Find out before hours of encoding, not after, that the results cannot be kept.

        Also removes temporary files that killed processes left behind.

        Raises:
            DataError: The folder cannot be made or written to.
        """
        trial = self.folder / f"trial-{secrets.token_hex(8)}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_bytes(trial, b"")
            trial.unlink()
            remove_litter(self.folder, own=True)
        except OSError as error:
            raise self._write_error(error) from error

    def add(self, path: str, size: int, mtime: int, sha256: bytes, feature: np.ndarray) -> None:
        """Keep one row; written with the others every 2,000 images or 30 seconds."""
        self._pending.append((path, size, mtime, sha256, feature))
        overdue = time.monotonic() - self._last_flush > FLUSH_SECONDS
        if overdue or len(self._pending) >= FLUSH_IMAGES:
            self.flush()

    def flush(self) -> None:
        """Write the rows kept so far as one new shard.

        Raises:
            DataError: The shard cannot be written (a full disk, for example).
        """
        self._last_flush = time.monotonic()
        if not self._pending:
            return
        paths, sizes, mtimes, digests, features = zip(*self._pending, strict=True)
        tensors = {
            "features": np.stack(features).astype(np.float32, copy=False),
            "paths": np.frombuffer(b"\0".join(map(os.fsencode, paths)), np.uint8),
            "sizes": np.array(sizes, np.int64),
            "mtimes": np.array(mtimes, np.int64),
            "sha256": np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32),
        }
        metadata = {**self._stamp(), "checksum": _checksum(tensors)}
        unique = f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            write_bytes(self.folder / f"shard-{unique}.safetensors", save(tensors, metadata))
        except OSError as error:
            raise self._write_error(error) from error
        self._pending.clear()

    def _write_error(self, error: OSError) -> DataError:
        return DataError(
            f"cannot write features to the cache folder {self.folder}: "
            f"{error.strerror or error}; make room or "
            f"choose another cache folder ({named('cache_dir')} or $LDPF_CACHE)"
        )

    def _stamp(self) -> dict[str, str]:
        """What a shard must say of itself to be read here."""
        made_by = {"format": "ldpf-features-1", "reading": READING_VERSION}
        return {**made_by, "fingerprint": self._fingerprint}

    def _shards(self) -> Iterator[tuple[Path, dict[str, np.ndarray]]]:
        """Whole shards, newest first; damaged ones are removed with a warning."""
        names = sorted(self.folder.glob("shard-*.safetensors"), reverse=True)
        for file in names:
            try:
                shard = self.read(file)
            except FileNotFoundError:
                continue  # found damaged and removed by another process
            except OSError as error:
                warnings.warn(f"left out {file}, which cannot be read: {error}", stacklevel=3)
                continue
            except (SafetensorError, ValueError) as error:
                warnings.warn(
                    f"removed the damaged feature file {file} ({error}); "
                    "its images are encoded again",
                    stacklevel=3,
                )
                file.unlink(missing_ok=True)
                continue
            if shard is not None:
                yield file, shard

    def read(self, file: Path) -> dict[str, np.ndarray] | None:
        """One shard's arrays, checked; None if another version or backbone wrote it."""
        # safetensors does not tell a missing file from a damaged one on every version.
        require_plain(file)
        with safe_open(file, framework="np") as shard:
            metadata = shard.metadata() or {}
            if any(metadata.get(key, value) != value for key, value in self._stamp().items()):
                return None
            tensors = {name: shard.get_tensor(name) for name in _TENSORS}
        if metadata.get("checksum") != _checksum(tensors):
            raise ValueError("its checksum does not fit its content")
        if tensors["features"].shape[1] != self._embed_dim:
            raise ValueError(f"its features have {tensors['features'].shape[1]} dimensions")
        return tensors


def _checksum(tensors: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in _TENSORS:
        array = np.ascontiguousarray(tensors[name])
        digest.update(json.dumps([name, str(array.dtype), array.shape]).encode())
        digest.update(array.data.cast("B") if array.size else b"")
    return digest.hexdigest()
