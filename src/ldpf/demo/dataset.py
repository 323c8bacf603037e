"""The `demo` data set: 12 classes in 4 strongly different domains, drawn on this machine.

It needs no download and no license, and two of its domains (sketch, night) are styles the bundled
backbone has never seen. It is a picture book for trying the library, not a benchmark.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from ldpf.demo.drawing import draw_picture
from ldpf.errors import DataError
from ldpf.utils.cache_dir import cache_root
from ldpf.utils.temporary import remove_litter, temporary_beside

DEMO_DOMAINS = ("clipart", "photo", "sketch", "night")
DEMO_CLASSES = (
    "bicycle",
    "bird",
    "car",
    "cup",
    "fish",
    "flower",
    "guitar",
    "hot_air_balloon",
    "house",
    "mushroom",
    "tree",
    "umbrella",
)
# Many in the two styles that `make demo` leaves out: 4,800 test images, so that the 95% interval
# of their average accuracy is +-1.4 points at most.
IMAGES_PER_CLASS = {"clipart": 50, "photo": 50, "sketch": 200, "night": 200}
_FOLDER = re.compile(r"demo-v\d+-seed\d+")
DEMO_STREAM = 2  # keeps these draws apart from the backbone's training images, whatever the seed


def demo_folder(cache_dir: Path | None = None, seed: int = 0) -> Path:
    """Draw the demo set once and return its folder (DOMAIN/CLASS/000.png, 64 px, RGB).

    The images appear in a temporary folder beside the final one, which takes its place in a single
    rename: the returned folder is always complete, also when two processes draw at once or one of
    them is killed.

    Args:
        cache_dir: where to keep it; `ldpf.utils.cache_dir.cache_root()` by default.
        seed: another seed gives other images of the same classes and domains.

    Raises:
        DataError: when the seed is negative, or the folder cannot be written.
    """
    if seed < 0:
        raise DataError(f"The demo set needs a seed >= 0, got {seed}.")
    root = cache_root() if cache_dir is None else Path(cache_dir)
    folder = root / f"demo-v2-seed{seed}"
    if folder.is_dir():
        return folder
    try:
        root.mkdir(parents=True, exist_ok=True)
        drawing = temporary_beside(folder)
        drawing.mkdir()
    except OSError as error:
        raise DataError(
            f"The demo set cannot be drawn into {root} ({error}); "
            "set LDPF_CACHE to a folder that can be written."
        ) from error
    try:
        _draw_all(drawing, seed)
        try:
            drawing.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was first: its images are the same
                raise
    except OSError as error:
        raise DataError(f"The demo set could not be written to {folder} ({error}).") from error
    finally:
        shutil.rmtree(drawing, ignore_errors=True)
    remove_litter(root, own=True)
    return folder


def is_demo(path: str | Path) -> bool:
    """Whether a path is the folder of a demo set, or lies in it."""
    return any(_FOLDER.fullmatch(part) for part in Path(path).absolute().parts)


def _draw_all(root: Path, seed: int) -> None:
    """One domain here, each other one in a process of its own.

    Drawing is Python code, which one process does on one core. Not with multiprocessing, whose
    processes run the calling script once more unless it is written for that.
    """
    here, *elsewhere = DEMO_DOMAINS
    started = [_start_drawing(root, domain, seed) for domain in elsewhere]
    try:
        draw_domain(root, here, seed, IMAGES_PER_CLASS[here])
        left = [name for name, one in zip(elsewhere, started, strict=True) if one.wait() != 0]
    finally:
        for process in started:
            process.kill()
            process.wait()
    for domain in left:  # here it says why it failed, or works where no process can be started
        draw_domain(root, domain, seed, IMAGES_PER_CLASS[domain])


def _start_drawing(root: Path, domain: str, seed: int) -> subprocess.Popen[bytes]:
    program = (
        "import sys; from ldpf.demo.dataset import draw_domain; "
        "root, domain, *counts = sys.argv[1:]; draw_domain(root, domain, *map(int, counts))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, root, domain, str(seed), str(IMAGES_PER_CLASS[domain])],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stderr=subprocess.DEVNULL,
    )


def draw_domain(root: str | Path, domain: str, seed: int, images_per_class: int) -> None:
    """Draw all images of one domain below `root`, the same whoever draws the others."""
    for c, name in enumerate(DEMO_CLASSES):
        folder = Path(root) / domain / name
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(images_per_class):
            # one generator per image: no image depends on how another one was drawn
            draws = [seed, DEMO_STREAM, DEMO_DOMAINS.index(domain), c, i]
            picture = draw_picture(name, domain, np.random.default_rng(draws))
            picture.image.save(folder / f"{i:03d}.png", compress_level=1)
