#!/usr/bin/env python
"""Images on a CPU: each engine's image tower alone, decoding alone, and `ldpf features` as a whole.

    python benchmarks/image_encoder.py                                  ViT-B/32 and ViT-B/16 size
    python benchmarks/image_encoder.py --backbone FOLDER --images 300   a model of your own
    python benchmarks/image_encoder.py --tower vit-b-32 --json          one JSON object a line

Towers have random weights, nothing is downloaded. For every installed engine:

- `forward`: images a second of the image tower alone, eight at a time, the fastest of the repeats.
  Engines take turns, so that other work on the machine slows all of them.
- `decode`: reading, decoding and preprocessing alone, 500 x 375 JPEG files of smooth colors with
  grain, one thread a processor.
- `end_to_end`: from files to kept features, the tower exported before; with what an engine takes to
  load and to be compared with PyTorch on the first eight images, so give some hundred `--images`;
  and its `share` of the smaller of the two rates. Decoding and the tower run side by side on the
  same processors, so on few of them neither reaches its own rate: `bound` is the rate at which both
  take turns, 1 / (1 / forward + 1 / decode), and `share_of_bound` is that of it.
- `difference`: the largest 1 - cosine to PyTorch's feature of any of 16 random inputs.
- `faster`: forward rate over PyTorch's.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from image_workload import decode_rate, end_to_end_rate, write_photos
from ldpf.backbones import Backbone, load_backbone
from ldpf.features.engines import ENGINES
from ldpf.features.engines.backbone import EngineBackbone, distance
from ldpf.features.engines.choose import DEFAULT, with_engine
from ldpf.features.engines.tower import missing_packages
from random_clip import TOWERS, random_clip

AT_ONCE = 8


def installed() -> list[str]:
    """Engines that can be measured here, PyTorch first."""
    others = [name for name in ENGINES if name != DEFAULT]
    if missing_packages():
        return [DEFAULT]
    return [DEFAULT, *(name for name in others if ENGINES.make(name).version is not None)]


def forward_rates(
    backbones: dict[str, Backbone | EngineBackbone], size: int, repeats: int
) -> dict[str, float]:
    """Images a second of each engine's tower, which take turns."""
    pixels = torch.randn(AT_ONCE, 3, size, size)
    best = dict.fromkeys(backbones, float("inf"))
    for number in range(repeats + 1):
        for name, backbone in backbones.items():
            start = time.perf_counter()
            backbone.encode_images(pixels)
            if number:  # the first one exports, loads and compares
                best[name] = min(best[name], time.perf_counter() - start)
    return {name: AT_ONCE / seconds for name, seconds in best.items()}


def measure(backbone: Backbone, options: argparse.Namespace, say: Callable[..., None]) -> None:
    """All lines of one backbone."""
    size = backbone.image_size
    with tempfile.TemporaryDirectory() as folder:
        files = write_photos(Path(folder) / "photos" / "any", options.images)
        engines = {name: with_engine(backbone, name, Path(folder)) for name in installed()}
        forward = forward_rates(engines, size, options.repeats)
        decode = decode_rate(files, backbone)
        inputs = torch.randn(16, 3, size, size, generator=torch.Generator().manual_seed(0))
        expected = backbone.encode_images(inputs)
        for name, engine in engines.items():
            rate = end_to_end_rate(files, backbone, Path(folder), name)
            bound = 1 / (1 / forward[name] + 1 / decode)
            say(
                backbone=backbone.name,
                engine=name,
                version=ENGINES.make(name).version,
                forward=forward[name],
                faster=forward[name] / forward[DEFAULT],
                decode=decode,
                end_to_end=rate,
                share=rate / min(forward[name], decode),
                bound=bound,
                share_of_bound=rate / bound,
                difference=distance(engine.encode_images(inputs), expected),
                threads=torch.get_num_threads(),
            )


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--backbone", action="append", default=[], help="name or folder; may be repeated")
    add("--tower", action="append", default=[], choices=TOWERS, help="random weights of this size")
    add("--images", type=int, default=100, help="photos to decode")
    add("--repeats", type=int, default=5)
    add("--json", action="store_true", help="one JSON object for each backbone and engine")
    options = parser.parse_args()
    towers = options.tower or ([] if options.backbone else ["vit-b-32", "vit-b-16"])

    def say(**line: Any) -> None:
        line = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in line.items()}
        if options.json:
            print(json.dumps(line), flush=True)
        else:
            print("  ".join(f"{key} {value}" for key, value in line.items()), flush=True)

    for name in options.backbone:
        measure(load_backbone(name, "cpu"), options, say)
    for name in towers:
        measure(random_clip(name), options, say)


if __name__ == "__main__":
    main()
