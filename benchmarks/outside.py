"""How much the check for images outside notices, and how often it is wrong.

    python benchmarks/outside.py --data demo --backbone nano

Two classes and one domain are kept out of training, and the check is that of a linear probe. The
first row is the share of held-out images called outside, which should be near 0.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ldpf.backbones import Backbone, load_backbone
from ldpf.data import load_dataset
from ldpf.expectation import measure_expectation
from ldpf.features.extract import extract_features
from ldpf.features.feature_set import FeatureSet
from ldpf.methods import make_method

IMAGES = 200
SIDE = 128
CLASSES_OUT = 2


def strange_images(kind: str, seed: int = 0) -> list[Image.Image]:
    """Images that show nothing: random pixels, one color, or a few colors that flow together."""
    draws = np.random.default_rng(seed)
    side = {"noise": SIDE, "color": 1, "gradient": 4}[kind]
    pixels = draws.integers(0, 256, (IMAGES, side, side, 3), dtype=np.uint8)
    return [Image.fromarray(one).resize((SIDE, SIDE), Image.Resampling.BICUBIC) for one in pixels]


def encode(backbone: Backbone, images: list[Image.Image]) -> torch.Tensor:
    """[N, D]."""
    parts = [images[start : start + 32] for start in range(0, len(images), 32)]
    return torch.cat([backbone.encode_images(backbone.preprocess(part)) for part in parts])


def groups(features: FeatureSet, domain: str, seed: int) -> dict[str, FeatureSet]:
    """Images to train on, those held out, and what was kept out of training."""
    assert features.domains is not None
    out = features.domains == features.domain_names.index(domain)
    unknown = features.labels >= len(features.class_names) - CLASSES_OUT
    train, held_out, _ = features.subset(~out & ~unknown).split(0.8, seed=seed)
    return {
        "train": train,
        "ordinary": held_out,
        f"{CLASSES_OUT} classes kept out": features.subset(~out & unknown),
        f"domain {domain} kept out": features.subset(out & ~unknown),
    }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="demo")
    parser.add_argument("--backbone", default="nano")
    parser.add_argument("--domain", help="kept out; the last by default")
    parser.add_argument("--others", help="other images, such as demo or a folder")
    parser.add_argument("--cache-dir", type=Path)
    options = parser.parse_args()
    backbone = load_backbone(options.backbone, "cpu")

    def features_of(source: str) -> FeatureSet:
        dataset = load_dataset(source, cache_dir=options.cache_dir)
        return extract_features(dataset, backbone, cache_dir=options.cache_dir)

    features = features_of(options.data)
    parts = groups(features, options.domain or features.domain_names[-1], seed=0)
    method = make_method("linear-probe")
    images = parts["train"], parts["ordinary"], backbone
    expectation = measure_expectation(method, method.fit(*images), *images)
    tested = {name: part.features for name, part in list(parts.items())[1:]}
    tested |= {
        kind: encode(backbone, strange_images(kind)) for kind in ("noise", "color", "gradient")
    }
    if options.others:
        tested[f"images of {options.others}"] = features_of(options.others).features
    print(f"{options.data}, {options.backbone}\n")
    print("| images | number | called outside |\n|---|---:|---:|")
    for name, rows in tested.items():
        print(f"| {name} | {len(rows):,} | {expectation.outside(rows)[1].double().mean():.0%} |")


if __name__ == "__main__":
    main()
