"""What held-out accuracy says with and without groups, when the data holds bursts.

    python benchmarks/groups.py --method gda --burst 4 --seeds 5

From the demo set (or `--data`) some pictures of each class and domain are taken, and each becomes a
burst: shifted by a pixel or two, a little brighter or darker, saved as JPEG. A model is trained on
the bursts, once divided at random and once with a column `group`, and its accuracy on the held-out
images is set beside that on other pictures, equally many of each class and domain: new ones.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageEnhance

from ldpf import workflows
from ldpf.data import load_dataset, read_image

HEADER = "path,label,group"
NEW_EACH = 30
"""New pictures of each class and domain."""


def shot(picture: Image.Image, draws: np.random.Generator) -> Image.Image:
    """One picture of a burst."""
    moved = ImageChops.offset(picture, int(draws.integers(-2, 3)), int(draws.integers(-2, 3)))
    return ImageEnhance.Brightness(moved).enhance(float(draws.uniform(0.92, 1.08)))


def write_bursts(
    data: str, out: Path, taken: int, burst: int, seed: int, cache_dir: Path | None = None
) -> None:
    """Write bursts.csv with `taken` bursts of each class and domain, and new.csv with others."""
    dataset = load_dataset(data, cache_dir=cache_dir)
    assert dataset.domains is not None
    draws = np.random.default_rng(seed)
    bursts, others = [HEADER], [HEADER]
    for k, name in enumerate(dataset.class_names):
        for d in range(len(dataset.domain_names)):
            rows = draws.permutation(np.flatnonzero((dataset.labels == k) & (dataset.domains == d)))
            for row in rows[:taken]:
                picture = read_image(dataset.file(row))
                for i in range(burst):
                    file = out / f"{row:05d}-{i}.jpg"
                    shot(picture, draws).save(file, quality=85)
                    bursts.append(f"{file.name},{name},{row}")
            new = rows[taken : taken + NEW_EACH]
            others += [f"{dataset.file(row)},{name},{row}" for row in new]
    (out / "bursts.csv").write_text("\n".join(bursts))
    (out / "new.csv").write_text("\n".join(others))
    # The same table without its last column.
    (out / "ungrouped.csv").write_text("\n".join(line.rpartition(",")[0] for line in bursts))


def accuracies(out: Path, table: str, method: str, backbone: str, seed: int) -> tuple[float, float]:
    """Accuracy in percent on held-out images and on new ones."""
    model = out / f"{Path(table).stem}-{seed}"
    trained = workflows.train(out / table, model, method=method, backbone=backbone, seed=seed)
    new = workflows.evaluate(model, out / "new.csv")
    return 100 * trained.accuracy, 100 * new.accuracy


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="demo")
    parser.add_argument("--backbone", default="nano")
    parser.add_argument("--method", default="gda")
    parser.add_argument("--taken", type=int, default=6, help="bursts of each class and domain")
    parser.add_argument("--burst", type=int, default=4, help="images in a burst")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print(f"{'':<16}{'held out, %':>14}{'new, %':>10}{'too high by':>14}")
    for table, name in (("ungrouped.csv", "divided at random"), ("bursts.csv", "with groups")):
        both = []
        for seed in range(options.seeds):
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder)
                write_bursts(options.data, out, options.taken, options.burst, seed)
                both.append(accuracies(out, table, options.method, options.backbone, seed))
        held_out, new = (statistics.mean(values) for values in zip(*both, strict=True))
        print(f"{name:<18}{held_out:>12.1f}{new:>10.1f}{held_out - new:>14.1f}")


if __name__ == "__main__":
    main()
