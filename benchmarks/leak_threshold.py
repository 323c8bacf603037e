"""How many copies the leak check finds, and how many different pictures it takes for copies.

    python benchmarks/leak_threshold.py --data demo --backbone nano
    python benchmarks/leak_threshold.py --data pacs --backbone FOLDER --images 160

Pictures are re-encoded, resized, cropped and so on, and each copy is looked up among all pictures
of the data as `ldpf.inspection.leaks` does. The last row counts pictures of the data that are held
for copies of others: in a drawn set these are errors, in a collected one perhaps true copies.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps

from ldpf.backbones import Backbone, load_backbone
from ldpf.data import load_dataset, read_image
from ldpf.features.duplicates import duplicate_distances, nearest_duplicate
from ldpf.features.extract import extract_features

BATCH = 32


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    """The picture after JPEG compression."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def scaled(image: Image.Image, factor: float) -> Image.Image:
    """The picture in another size."""
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.LANCZOS)


def cropped(image: Image.Image, share: float) -> Image.Image:
    """The middle of the picture, `share` of each side."""
    width, height = round(image.width * share), round(image.height * share)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG, quality 90": lambda image: jpeg(image, 90),
    "JPEG, quality 50": lambda image: jpeg(image, 50),
    "JPEG, quality 25": lambda image: jpeg(image, 25),
    "twice the size": lambda image: scaled(image, 2.0),
    "half the size": lambda image: scaled(image, 0.5),
    "a third, JPEG 75": lambda image: jpeg(scaled(image, 1 / 3), 75),
    "brighter by 20 %": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "gray": lambda image: image.convert("L").convert("RGB"),
    "cropped to 95 %": lambda image: cropped(image, 0.95),
    "cropped to 90 %": lambda image: cropped(image, 0.9),
    "cropped to 80 %": lambda image: cropped(image, 0.8),
    "mirrored": ImageOps.mirror,
}


def encoded(images: list[Image.Image], backbone: Backbone) -> torch.Tensor:
    """Image features [N, D]."""
    parts = [images[i : i + BATCH] for i in range(0, len(images), BATCH)]
    return torch.cat([backbone.encode_images(backbone.preprocess(part)) for part in parts])


def measured(
    data: str, backbone: Backbone, n_images: int, seed: int = 0, cache_dir: Path | None = None
) -> dict[str, float]:
    """The share of copies found, in percent, by kind; and of the data's pictures held for copies.

    Args:
        data: a folder, or "demo".
        backbone: makes the features.
        n_images: pictures that are copied.
        seed: of their choice.
        cache_dir: of the features.
    """
    dataset = load_dataset(data, cache_dir=cache_dir)
    pool = extract_features(dataset, backbone, cache_dir=cache_dir, progress=False).features
    chosen = np.random.default_rng(seed).choice(
        len(dataset), min(n_images, len(dataset)), replace=False
    )
    pictures = [read_image(dataset.file(i)) for i in chosen]
    result = {}
    for name, copied in COPIES.items():
        queries = encoded([copied(picture) for picture in pictures], backbone)
        match, _ = nearest_duplicate(queries, pool, duplicate_distances(queries, pool))
        result[name] = 100 * float((match == torch.from_numpy(chosen)).double().mean())
    rows = torch.arange(len(pool))
    limits = duplicate_distances(pool, pool)
    match, _ = nearest_duplicate(pool, pool, limits, query_ids=rows, pool_ids=rows)
    result["another picture of the data"] = 100 * float((match >= 0).double().mean())
    return result


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="demo")
    parser.add_argument("--backbone", default="nano")
    parser.add_argument("--images", type=int, default=200)
    options = parser.parse_args()
    backbone = load_backbone(options.backbone)
    print(f"{options.data}, {backbone.name}: % of copies found, {options.images} pictures")
    for name, share in measured(options.data, backbone, options.images).items():
        print(f"{name:<28} {share:6.2f}")


if __name__ == "__main__":
    main()
