"""What encoding will take, from a few of the images, and features that stand in for the others."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch

from ldpf.data.embeddings import EmbeddedImages
from ldpf.data.images import default_workers
from ldpf.features.cache import FeatureCache
from ldpf.features.encode import encode_files
from ldpf.features.file_keys import file_keys
from ldpf.utils.arrays import unit_rows
from ldpf.utils.span import Span

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.backbones.styled import StyledBackbone
    from ldpf.data.dataset import ImageDataset
    from ldpf.features.engines.backbone import EngineBackbone

T = TypeVar("T")

SAMPLE = 256
"""Images looked at, at most."""

BATCH = 16
"""Of the sample: several batches must fit into its seconds."""

_ROW_BYTES = 8 + 8 + 32 + 1  # size, date, digest, and what ends the path


@dataclass(frozen=True, eq=False)
class EncodingSample:
    """What there is to encode, and what a few of its images took.

    Attributes:
        features: [N, D] float32 of all images: those in the cache, those of the sample, and made-up
            ones for the others, which cost as much in whatever follows.
        encoded: images of the whole that are not in the cache.
        rate: images encoded in a second; None where there is nothing to encode.
        looked_at: images of the sample.
        unreadable: of them, those that cannot be used.
        cache_bytes: that their features will take on disk.
    """

    features: torch.Tensor
    encoded: int
    rate: Span | None
    looked_at: int
    unreadable: int
    cache_bytes: int


def measured_rate(items: Iterable[Any], batch: int, seconds: float) -> tuple[list[Any], Span]:
    """Take items for some seconds, two batches at least (fewer where there are no more).

    Args:
        items: that come in batches.
        batch: items that come together.
        seconds: after which no further batch is waited for.

    Returns:
        What was taken, and items in a second: over all of it, and without the first batch, which
        starts the threads.
    """
    started = time.perf_counter()
    taken: list[Any] = []
    marks: list[float] = []
    for item in items:
        taken.append(item)
        if len(taken) % batch == 0:
            marks.append(time.perf_counter() - started)
            if len(marks) >= 2 and marks[-1] >= seconds:
                break
    total = max(time.perf_counter() - started, 1e-9)
    low = high = len(taken) / total
    if len(marks) >= 2:
        later = (len(marks) - 1) * batch / max(marks[-1] - marks[0], 1e-9)
        low, high = min(low, later), max(low, later)
    return taken, Span(low, high)


def sample_encoding(
    dataset: ImageDataset,
    backbone: Backbone | StyledBackbone | EngineBackbone,
    cache_dir: Path,
    *,
    verify: bool = False,
    seconds: float = 2.0,
) -> EncodingSample:
    """Encode a few images that are not in the cache, spread over the whole; nothing is kept.

    Args:
        dataset: of images, or of embeddings, of which none is encoded.
        backbone: what would encode them.
        cache_dir: that is looked through.
        verify: as in `ldpf.features.extract.encode_dataset`.
        seconds: for encoding.
    """
    encoder: Any = backbone
    if isinstance(dataset, EmbeddedImages):
        assert dataset.embeddings is not None
        return EncodingSample(unit_rows(dataset.embeddings), 0, None, 0, 0, 0)
    keys, bad = file_keys(dataset, default_workers(), verify=verify, progress=False)
    cache = FeatureCache(cache_dir, dataset.root, encoder.fingerprint, encoder.embed_dim)
    features, found = cache.lookup(keys)
    lost = {one.path for one in bad}
    missing = [i for i in np.flatnonzero(~found).tolist() if dataset.paths[i] not in lost]
    if not missing:
        filled = stand_ins(features, found, dataset.labels, dataset.domains)
        return EncodingSample(filled, 0, None, 0, 0, 0)
    rows = spread(missing)
    stream = encode_files(
        (dataset.picture(i) for i in rows), encoder, batch_size=BATCH, known=cache.known_contents()
    )
    with closing(stream):
        taken, rate = measured_rate(stream, BATCH, seconds)
    for i, one in zip(rows, taken, strict=False):
        if one.feature is not None:
            features[i], found[i] = one.feature, True
    return EncodingSample(
        features=stand_ins(features, found, dataset.labels, dataset.domains),
        encoded=len(missing),
        rate=rate,
        looked_at=len(taken),
        unreadable=sum(one.feature is None for one in taken),
        cache_bytes=cache_bytes([dataset.paths[i] for i in missing], encoder.embed_dim),
    )


def spread(items: Sequence[T]) -> list[T]:
    """Up to `SAMPLE` of the items, evenly over all of them, in an order of their own.

    What lies side by side is often alike, and a sample may end early.
    """
    places = np.linspace(0, len(items) - 1, min(SAMPLE, len(items)), dtype=np.int64)
    return [items[i] for i in np.random.default_rng(0).permutation(places)]


def cache_bytes(paths: Iterable[str], embed_dim: int) -> int:
    """Bytes that the cache takes for images of these paths, but for a header for each file."""
    return sum(4 * embed_dim + _ROW_BYTES + len(os.fsencode(path)) for path in paths)


def stand_ins(
    features: torch.Tensor, known: np.ndarray, labels: np.ndarray, domains: np.ndarray | None
) -> torch.Tensor:
    """Features [N, D] with made-up rows where none is known: around a point of class and domain.

    Without any such structure, searches for domains and fits would take longer than on photos.
    """
    if known.all():
        return features
    n, width = features.shape
    random = np.random.default_rng(0)
    scale = 1 / math.sqrt(width)
    classes = random.normal(0, scale, (int(labels.max(initial=0)) + 1, width))
    numbers = np.zeros(n, np.int64) if domains is None else domains
    styles = random.normal(0, scale, (int(numbers.max(initial=0)) + 1, width))
    center = features[torch.from_numpy(known)].mean(dim=0).numpy() if known.any() else 0.0
    rows = np.flatnonzero(~known)
    for start in range(0, len(rows), 65_536):
        some = rows[start : start + 65_536]
        made = center + 0.4 * classes[labels[some]] + 0.4 * styles[numbers[some]]
        made = made + random.normal(0, 0.4 * scale, made.shape)
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        features[torch.from_numpy(some)] = torch.from_numpy(made).float()
    return features
