"""What benchmarks of image encoding share: photos, and rates of decoding and of all together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from ldpf.backbones import Backbone
from ldpf.data.dataset import ImageDataset
from ldpf.data.images import default_workers, read_image
from ldpf.features.extract import encode_dataset


def write_photos(folder: Path, count: int, size: tuple[int, int] = (500, 375)) -> list[Path]:
    """JPEG files that take about as long to decode as photos: smooth colors with some grain."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number in range(count):
        draws = np.random.default_rng(number)
        small = Image.fromarray(draws.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        pixels = np.asarray(small.resize(size, Image.Resampling.BICUBIC)).astype(np.int16)
        pixels += draws.integers(-12, 13, (size[1], size[0], 1), dtype=np.int16)
        file = folder / f"{number:06d}.jpg"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, quality=90)
        files.append(file)
    return files


def decode_rate(files: Sequence[Path], backbone: Backbone) -> float:
    """Images a second of reading, decoding and preprocessing alone, on as many threads as usual."""
    with ThreadPoolExecutor(default_workers()) as pool:
        start = time.perf_counter()
        for _ in pool.map(lambda file: backbone.preprocess([read_image(file)]), files):
            pass
        return len(files) / (time.perf_counter() - start)


def end_to_end_rate(
    files: Sequence[Path], backbone: Backbone, cache: Path, engine: str = "torch"
) -> float:
    """Images a second from files to features that are kept, as `ldpf features` does it."""
    data = ImageDataset(
        name="photos",
        root=files[0].parents[1],
        paths=tuple(f"{file.parent.name}/{file.name}" for file in files),
        labels=np.zeros(len(files), np.int64),
        class_names=(files[0].parent.name,),
    )
    done = encode_dataset(
        data, backbone, cache_dir=cache, skip_bad=True, progress=False, image_engine=engine
    )
    assert done.encoded == len(files), "nothing was in the cache"
    return len(files) / done.seconds
