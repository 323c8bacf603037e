"""Seconds and memory to list, split and load a million image features that are computed already.

    python benchmarks/million.py                      # 1,000,000 images
    python benchmarks/million.py --images 100000

Makes a folder of images, whose features are in the cache, and a folder of the same features as
clip-retrieval writes them. The images are links to a few files and are never opened: only their
sizes and times are looked at. Each of the two is then listed, loaded and split 80/20 in a process
of its own. Columns: seconds to list, to load, to split and to read what is learned from, and MiB
at the peak of the whole process. The features alone are 2 GB for a million of 512 numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ldpf.data import load_dataset
from ldpf.features.cache import FeatureCache, mtime_of
from ldpf.features.extract import extract_features
from ldpf.utils.resources import peak_memory_mib

DIM = 512
CLASSES, DOMAINS = 10, 4
BLOCK = 2_000
"""Images of a file of the cache, and names of one image: file systems allow some ten thousand."""
FINGERPRINT = "0" * 64
COLUMNS = ("list_s", "load_s", "split_s", "read_s", "peak_mib")


class Known:
    """A backbone that has encoded everything already.

    Attributes:
        fingerprint: Under which the cache has it.
        embed_dim: D.
        name: For messages.
    """

    fingerprint = FINGERPRINT
    embed_dim = DIM
    name = "known"


def rows_of(number: int) -> np.ndarray:
    """Features [BLOCK, D] of a block of images, of length one."""
    draws = np.random.default_rng(number)
    block = draws.standard_normal((BLOCK, DIM), dtype=np.float32)
    return block / np.linalg.norm(block, axis=1, keepdims=True)


def make_images(folder: Path, cache: Path, n_images: int) -> None:
    """A folder domain/class/image of links, and a cache with a feature of each."""
    places = [(d, k) for d in range(DOMAINS) for k in range(CLASSES)]
    for d, k in places:
        (folder / f"site{d}" / f"thing{k}").mkdir(parents=True)
    shards = FeatureCache(cache, folder, FINGERPRINT, DIM)
    shards.require_writable()
    for number in range(0, n_images, BLOCK):
        rows = rows_of(number)
        source = folder.parent / f"image{number}.png"
        Image.new("RGB", (8, 8)).save(source)
        status = source.stat()
        for offset, i in enumerate(range(number, min(number + BLOCK, n_images))):
            d, k = places[i % len(places)]
            path = f"site{d}/thing{k}/{i:07d}.png"
            os.link(source, folder / path)
            digest = i.to_bytes(32, "big")
            shards.add(path, status.st_size, mtime_of(status), digest, rows[offset])
    shards.flush()


def make_embeddings(folder: Path, n_images: int) -> None:
    """The same features in clip-retrieval's layout."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    part = 100_000
    for name in ("img_emb", "metadata"):
        (folder / name).mkdir(parents=True)
    for number, start in enumerate(range(0, n_images, part)):
        ids = range(start, min(start + part, n_images))
        rows = np.concatenate([rows_of(block) for block in ids[::BLOCK]])[: len(ids)]
        np.save(folder / "img_emb" / f"img_emb_{number:04d}.npy", rows)
        table = {
            "image_path": [f"{i:07d}.png" for i in ids],
            "label": [f"thing{i % CLASSES}" for i in ids],
            "domain": [f"site{i % DOMAINS}" for i in ids],
        }
        pq.write_table(pa.table(table), folder / "metadata" / f"metadata_{number:04d}.parquet")


def measure(folder: Path, cache: Path) -> dict[str, float]:
    """Seconds of each step, and MiB."""
    line: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = work()
        line[name] = time.perf_counter() - started
        return result

    backbone: Any = Known()
    dataset = timed("list_s", lambda: load_dataset(folder))
    features = timed(
        "load_s",
        partial(extract_features, dataset, backbone, cache_dir=cache, progress=False),
    )
    train, validation, _ = timed("split_s", partial(features.split, seed=0))
    del features, dataset
    sums = timed("read_s", lambda: [part.features.sum() for part in (train, validation)])
    assert torch.isfinite(torch.stack(sums)).all()
    return {**line, "peak_mib": peak_memory_mib()}


def main() -> None:
    """Make both folders and measure each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="measure this one only, here, as JSON")
    parser.add_argument("--cache", type=Path, help="that knows its images")
    options = parser.parse_args()
    if options.folder:
        print(json.dumps(measure(options.folder, options.cache)))
        return
    with tempfile.TemporaryDirectory() as place:
        root = Path(place).resolve()
        cache = root / "cache"
        made = {"folder of images": root / "images", "clip-retrieval": root / "embeddings"}
        make_images(made["folder of images"], cache, options.images)
        make_embeddings(made["clip-retrieval"], options.images)
        print(f"{'':<18}", *(f"{name:>9}" for name in COLUMNS))
        for name, folder in made.items():
            command = [sys.executable, str(Path(__file__)), "--folder", str(folder)]
            command += ["--cache", str(cache)]
            printed = subprocess.check_output(command, text=True)
            line = json.loads(printed.splitlines()[-1])
            print(f"{name:<18}", *(f"{line[c]:>9.4g}" for c in COLUMNS), flush=True)


if __name__ == "__main__":
    main()
