"""Pictures for the page: typical images of each latent domain, and samples to click on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from ldpf.data.images import UnreadableImageError, read_image
from ldpf.inspection.typical_images import typical_of

if TYPE_CHECKING:
    from ldpf.data import ImageDataset
    from ldpf.domains import FittedDomains
    from ldpf.features.feature_set import FeatureSet

TYPICAL_EACH = 6
SAMPLES = 12
THUMBNAIL = 96
"""Side of a thumbnail in pixels."""

_SAMPLE_SIDE = 512


@dataclass(frozen=True)
class Gallery:
    """Small pictures held in memory.

    Attributes:
        typical: for each latent domain, squares of images nearest to its centroid.
        samples: (image, file name) to try.
    """

    typical: tuple[tuple[Image.Image, ...], ...] = ()
    samples: tuple[tuple[Image.Image, str], ...] = ()


def make_gallery(
    dataset: ImageDataset, features: FeatureSet, latent: FittedDomains | None, *, seed: int = 0
) -> Gallery:
    """Choose pictures from a data set.

    Args:
        dataset: where the files of `features` are.
        features: of its readable images.
        latent: of the model; None gives samples only.
        seed: of the choice of samples, which go evenly over the classes.
    """
    draws = np.random.default_rng(seed)
    by_class = [
        np.flatnonzero(features.labels.numpy() == k) for k in range(len(features.class_names))
    ]
    shuffled = [draws.permutation(rows) for rows in by_class if len(rows)]
    depth = max((len(rows) for rows in shuffled), default=0)
    turns = [int(rows[i]) for i in range(depth) for rows in shuffled if i < len(rows)]
    samples = []
    for row in turns[:SAMPLES]:
        image = _read(dataset, features, row)
        if image is not None:
            image.thumbnail((_SAMPLE_SIDE, _SAMPLE_SIDE))
            samples.append((image, features.paths[row]))
    return Gallery(_typical(dataset, features, latent), tuple(samples))


def _typical(
    dataset: ImageDataset, features: FeatureSet, latent: FittedDomains | None
) -> tuple[tuple[Image.Image, ...], ...]:
    if latent is None or latent.n_domains < 2:
        return ()
    side = (THUMBNAIL, THUMBNAIL)
    groups = []
    for rows in typical_of(latent, features, TYPICAL_EACH):
        images = (_read(dataset, features, int(row)) for row in rows)
        groups.append(tuple(ImageOps.fit(image, side) for image in images if image is not None))
    return tuple(groups)


def _read(dataset: ImageDataset, features: FeatureSet, row: int) -> Image.Image | None:
    try:
        return read_image(dataset.root / features.paths[row])
    except UnreadableImageError:
        return None  # gone since it was encoded: one picture less
