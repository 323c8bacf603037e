"""Cached features found by what a file holds: a photo folder that was renamed, moved or copied.

`FeatureCache` finds a file by its path; this finds it by its content, in the shards of every folder
that the same backbone has encoded. A file has to be read for it, which is a small part of the time
that decoding and encoding take.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from ldpf.utils.paths import require_plain

Shard: TypeAlias = "Mapping[str, np.ndarray]"

SHARDS_HELD = 16
"""Shards whose features are in memory at once, of 2,000 images at most (4 MB for 512 numbers)."""


class KnownContents:
    """Digests of every file that a backbone has encoded, and the features that belong to them.

    Several threads may ask at once. Shards written later are not seen.

    Args:
        files: shards, those first whose features are to be taken among equal contents.
        read: checks a shard and gives its arrays; None for one that another version wrote.
    """

    def __init__(self, files: Sequence[Path], read: Callable[[Path], Shard | None]) -> None:
        """Read the digests of all shards; features are read when they are asked for."""
        self._read = read
        self._lock = threading.Lock()
        self._held: OrderedDict[int, Shard | None] = OrderedDict()
        self._files = list(files)
        digests, shards, rows = [], [], []
        for number, file in enumerate(self._files):
            try:
                require_plain(file)
                with safe_open(file, framework="np") as shard:
                    of_shard = shard.get_tensor("sha256")  # [m, 32]
            except (OSError, SafetensorError, ValueError):
                continue  # the cache of its own folder says so and removes it
            digests.append(of_shard)
            shards.append(np.full(len(of_shard), number, np.int32))
            rows.append(np.arange(len(of_shard), dtype=np.int32))
        all_digests = np.concatenate([*digests, np.empty((0, 32), np.uint8)])  # [M, 32]
        starts = np.ascontiguousarray(all_digests[:, :8]).view("<u8").reshape(-1)
        order = np.argsort(starts, kind="stable")
        self._starts = starts[order]
        self._shards = np.concatenate([*shards, np.empty(0, np.int32)])[order]
        self._rows = np.concatenate([*rows, np.empty(0, np.int32)])[order]

    def __len__(self) -> int:
        """How many rows there are, some perhaps of the same content."""
        return len(self._starts)

    def feature(self, digest: bytes) -> torch.Tensor | None:
        """The feature [D] of the file with this sha256; None where it was not encoded."""
        start = np.frombuffer(digest[:8], "<u8")[0]
        wanted = np.frombuffer(digest, np.uint8)
        first = int(np.searchsorted(self._starts, start, side="left"))
        last = int(np.searchsorted(self._starts, start, side="right"))
        for at in range(first, last):
            shard, row = self._shard(int(self._shards[at])), int(self._rows[at])
            if shard is not None and (shard["sha256"][row] == wanted).all():
                return torch.from_numpy(shard["features"][row].copy())
        return None

    def _shard(self, number: int) -> Shard | None:
        """Its arrays, checked; None for one that is damaged, gone or of another version."""
        with self._lock:
            if number not in self._held:
                try:
                    self._held[number] = self._read(self._files[number])
                except (OSError, SafetensorError, ValueError):
                    self._held[number] = None
                while len(self._held) > SHARDS_HELD:
                    self._held.popitem(last=False)
            self._held.move_to_end(number)
            return self._held[number]
