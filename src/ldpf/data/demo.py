"""The `demo` data set: 12 classes in 4 strongly different domains, drawn on this machine.

It needs no download and no licence, and two of its domains (sketch, night) are styles the bundled
backbone has never seen. It is a picture book for trying the library, not a benchmark.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from ldpf.data.drawing import draw_picture
from ldpf.errors import DataError
from ldpf.paths import cache_root

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
IMAGES_PER_CLASS = 50
DEMO_STREAM = 2  # keeps these draws apart from the backbone's training images, whatever the seed


def demo_folder(cache_dir: Path | None = None, seed: int = 0) -> Path:
    """Draw the demo set once and return its folder (DOMAIN/CLASS/000.png, 64 px, RGB).

    The images appear in a temporary folder beside the final one, which takes its place in a single
    rename: the returned folder is always complete, also when two processes draw at once or one of
    them is killed.

    Args:
        cache_dir: where to keep it; `ldpf.paths.cache_root()` by default.
        seed: another seed gives other images of the same classes and domains.

    Raises:
        DataError: when the seed is negative, or the folder cannot be written.
    """
    if seed < 0:
        raise DataError(f"The demo set needs a seed >= 0, got {seed}.")
    root = cache_root() if cache_dir is None else Path(cache_dir)
    folder = root / f"demo-v1-seed{seed}"
    if folder.is_dir():
        return folder
    try:
        root.mkdir(parents=True, exist_ok=True)
        drawing = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", suffix=".tmp", dir=root))
    except OSError as error:
        raise DataError(
            f"The demo set cannot be drawn into {root} ({error}); "
            "set LDPF_CACHE to a folder that can be written."
        ) from error
    try:
        _draw_all(drawing, seed)
        drawing.chmod(0o755)  # mkdtemp makes it private
        try:
            drawing.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was first: its images are the same
                raise
    except OSError as error:
        raise DataError(f"The demo set could not be written to {folder} ({error}).") from error
    finally:
        shutil.rmtree(drawing, ignore_errors=True)
    for left in root.glob(f".{folder.name}-*.tmp"):  # by processes that were killed long ago
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > 3600:
                shutil.rmtree(left)
    return folder


def _draw_all(root: Path, seed: int) -> None:
    for d, domain in enumerate(DEMO_DOMAINS):
        for c, name in enumerate(DEMO_CLASSES):
            folder = root / domain / name
            folder.mkdir(parents=True)
            for i in range(IMAGES_PER_CLASS):
                # one generator per image: no image depends on how another one was drawn
                rng = np.random.default_rng([seed, DEMO_STREAM, d, c, i])
                picture = draw_picture(name, domain, rng)
                picture.image.save(folder / f"{i:03d}.png", compress_level=1)
