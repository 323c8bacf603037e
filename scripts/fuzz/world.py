"""What is attacked: drawn images, small trained models, features and results."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

CLASSES = ("cat", "dog", "house")
DOMAINS = ("art", "photo", "sketch")
EACH = 4
BACKBONE = "nano"
SHORT = ("--set", "recipe.max_steps=10", "--set", "recipe.evaluate_every=5")
"""A training of a second, with everything that a long one does."""


@dataclass(frozen=True)
class World:
    """Files that attacks damage copies of.

    Attributes:
        folder: of everything.
        scratch: for what attempts write.
    """

    folder: Path
    scratch: Path

    @property
    def images(self) -> Path:
        """36 images in DOMAIN/CLASS folders."""
        return self.folder / "images"

    @property
    def models(self) -> dict[str, Path]:
        """A model of each kind by its method."""
        return {name: self.folder / "models" / name for name in METHODS}

    @property
    def results(self) -> Path:
        """A small benchmark."""
        return self.folder / "results"

    @property
    def features(self) -> Path:
        """[32, D] features as .npy."""
        return self.folder / "features.npy"


METHODS = ("ldpf", "coop", "linear-probe", "zero-shot")


def make_world(folder: Path) -> World:
    """Draw the images and train the models, with this library."""
    from fuzz.commands import run

    torch.set_num_threads(1)  # as in the processes of the attempts: other numbers of threads round
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    os.environ["LDPF_CACHE"] = str(folder / "cache")
    keep_backbone()
    world = World(folder, scratch)
    _draw(world.images)
    draws = np.random.default_rng(0)
    features = draws.standard_normal((32, 128)).astype(np.float32)
    np.save(world.features, features / np.linalg.norm(features, axis=1, keepdims=True))
    for method, model in world.models.items():
        short = SHORT if method in ("ldpf", "coop") else ()
        options = ("--method", method, "--backbone", BACKBONE, "--no-advice", "--quiet", *short)
        _must(run("train", world.images, "--out", model, *options))
    options = ("--methods", "zero-shot,coop", "--seeds", "1", "--jobs", "1", "--quiet", *SHORT)
    where = ("--backbone", BACKBONE, "--out", world.results)
    _must(run("benchmark", world.images, *where, *options))
    return open_world(folder)


def open_world(folder: Path) -> World:
    """The one that another process has made in `folder`."""
    from fuzz.commands import run

    os.environ["LDPF_CACHE"] = str(folder / "cache")
    keep_backbone()
    world = World(folder, folder / "scratch")
    # Everything is imported here, and not in each of the processes forked from this one.
    _must(run("predict", world.models["ldpf"], world.features))
    _must(run("evaluate", world.models["ldpf"], world.images))
    return world


def keep_backbone() -> None:
    """Read the files of the bundled backbone once, in this process and those forked from it.

    Most commands spend most of their time with it, and no attack but that of `fuzz.backbones`,
    which damages copies in other folders, is after it.
    """
    from ldpf.backbones.families.clip import CLIP
    from ldpf.backbones.hub import resolve_folder

    if hasattr(CLIP.load, "kept"):
        return
    load, bundled, kept = CLIP.load, resolve_folder(BACKBONE), {}

    def load_once(self: Any, checkpoint: Any) -> Any:
        if checkpoint.folder != bundled:
            return load(self, checkpoint)
        if bundled not in kept:
            kept[bundled] = load(self, checkpoint)
        return kept[bundled]

    load_once.kept = kept  # type: ignore[attr-defined]  says that it was done
    CLIP.load = load_once


def _must(ran) -> None:
    if ran.code != 0:
        raise RuntimeError(f"The world cannot be made:\n{ran.err}")


def _draw(root: Path) -> None:
    """A class is a shape, a domain a coloring."""
    for d, domain in enumerate(DOMAINS):
        for k, name in enumerate(CLASSES):
            folder = root / domain / name
            folder.mkdir(parents=True)
            for i in range(EACH):
                draws = np.random.default_rng([d, k, i])
                pixels = np.full((24, 24, 3), (40, 90, 200)[d], np.int64)
                top, left = draws.integers(2, 8, 2)
                height, width = ((12, 4), (4, 12), (9, 9))[k]
                pixels[top : top + height, left : left + width] = (250, 20, 120)[d]
                pixels += draws.integers(-12, 13, pixels.shape)
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{i}.png")


def digest(*files: Path) -> str:
    """One digest of the contents of files; a missing one has a digest of its own."""
    total = hashlib.sha256()
    for file in files:
        total.update(hashlib.sha256(file.read_bytes() if file.is_file() else b"-").digest())
    return total.hexdigest()
