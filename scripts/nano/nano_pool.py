"""Draw the training images of `nano` once, as uint8 in one file, so that training only reads."""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np

from ldpf.demo.drawing import OBJECTS, TRAINABLE_STYLES, TRAINED_STYLES, draw_picture

NAMES = tuple(OBJECTS)
STYLE_NAMES = tuple(TRAINABLE_STYLES)
DEFAULT_STYLES = tuple(TRAINED_STYLES)
TRAINING_STREAM = 1  # keeps these draws apart from the demo set's, whatever the seed
CHUNK = 250


@dataclass(frozen=True)
class Pool:
    """Drawn images and what is on them.

    Attributes:
        images: uint8 [N, 64, 64, 3].
        names, styles, colors, backgrounds: N words each.
    """

    images: np.ndarray
    names: tuple[str, ...]
    styles: tuple[str, ...]
    colors: tuple[str, ...]
    backgrounds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)


def _draw_chunk(
    start: int, stop: int, seed: int, styles: tuple[str, ...]
) -> tuple[np.ndarray, list[list[str]]]:
    images = np.empty((stop - start, 64, 64, 3), np.uint8)
    words = []
    for index in range(start, stop):
        rng = np.random.default_rng([seed, TRAINING_STREAM, index])
        name = NAMES[index % len(NAMES)]
        style = styles[rng.integers(len(styles))]
        picture = draw_picture(name, style, rng)
        images[index - start] = np.asarray(picture.image)
        words.append([picture.name, picture.style, picture.color, picture.background])
    return images, words


def draw_pool(
    size: int, seed: int, workers: int = 1, styles: tuple[str, ...] = DEFAULT_STYLES
) -> Pool:
    """Draw `size` images, classes in turn and `styles` at random; the same for any `workers`."""
    starts = list(range(0, size, CHUNK))
    stops = [min(size, start + CHUNK) for start in starts]
    rest = (starts, stops, repeat(seed), repeat(styles))
    images = np.empty((size, 64, 64, 3), np.uint8)
    words: list[list[str]] = []
    if workers <= 1:
        results = map(_draw_chunk, *rest)
        words = _collect(results, images)
    else:
        with ProcessPoolExecutor(workers) as executor:
            words = _collect(executor.map(_draw_chunk, *rest), images)
    return Pool(images, *(tuple(column) for column in zip(*words, strict=True)))


def _collect(results, images: np.ndarray) -> list[list[str]]:
    words: list[list[str]] = []
    for chunk, chunk_words in results:
        images[len(words) : len(words) + len(chunk)] = chunk
        words += chunk_words
    return words


def save_pool(pool: Pool, folder: Path) -> None:
    """Write `images.npy` and `words.json` (the words last: they mark the pool as complete)."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "images.npy", pool.images)
    columns = [pool.names, pool.styles, pool.colors, pool.backgrounds]
    (folder / "words.json").write_text(json.dumps(columns))


def load_pool(folder: Path) -> Pool:
    """Read what `save_pool` wrote; the images stay on disk and are read as needed."""
    columns = json.loads((folder / "words.json").read_text())
    images = np.load(folder / "images.npy", mmap_mode="r")
    return Pool(images, *(tuple(column) for column in columns))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    save_pool(draw_pool(args.size, args.seed, args.workers), args.folder)


if __name__ == "__main__":
    main()
