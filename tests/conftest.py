"""What every test may use: small image folders and a backbone that costs nothing."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor


class TinyBackbone:
    """Has the image side of `ldpf.backbones.Backbone`: a fixed random projection of 8 x 8 pixels.

    It is sensitive on purpose: its features depend (a little) on the shape of the batch, as the
    rounding of real encoders does, so that code which lets batch shapes vary is caught.

    Attributes:
        preprocessed: How many images were preprocessed so far.
        batches: The shapes of the batches encoded so far.
    """

    name = "tiny"
    embed_dim = 16
    image_size = 8
    device = torch.device("cpu")
    logit_scale = 100.0

    def __init__(self, seed: int = 0):
        self.fingerprint = hashlib.sha256(f"tiny {seed}".encode()).hexdigest()
        generator = torch.Generator().manual_seed(seed)
        self.weight = torch.randn(3 * 8 * 8, self.embed_dim, generator=generator)
        self.preprocessed = 0
        self.batches: list[tuple[int, ...]] = []
        self._lock = threading.Lock()

    def preprocess(self, images: Sequence[Image.Image]) -> Tensor:
        with self._lock:
            self.preprocessed += len(images)
        size = (self.image_size, self.image_size)
        small = [np.asarray(image.resize(size, Image.Resampling.BILINEAR)) for image in images]
        return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float() / 255 - 0.5

    def encode_images(self, pixels: Tensor) -> Tensor:
        self.batches.append(tuple(pixels.shape))
        features = pixels.flatten(1) @ self.weight + 1e-4 * len(pixels)
        return torch.nn.functional.normalize(features, dim=1)


def write_image(file: Path, *, seed: int = 0, size: tuple[int, int] = (12, 10)) -> Path:
    """Write a random image; the ending chooses the format."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)
    return file


@pytest.fixture
def tiny_backbone() -> TinyBackbone:
    return TinyBackbone()


@pytest.fixture
def image_tree(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes `{"photo/dog": 3, "art/cat": 1}` as folders of different images."""

    def make(counts: dict[str, int], root: Path | None = None, ending: str = ".png") -> Path:
        root = tmp_path / "data" if root is None else root
        seed = 0
        for folder, count in counts.items():
            (root / folder).mkdir(parents=True, exist_ok=True)
            for i in range(count):
                seed += 1
                write_image(root / folder / f"{i:03d}{ending}", seed=seed)
        return root

    return make
