"""Every image encoded once; from here on no image is touched."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ldpf.backbones.styled import StyledBackbone
from ldpf.data.dataset import ImageDataset
from ldpf.data.embeddings import EmbeddedImages
from ldpf.data.images import MAX_PIXELS, bad_images_message, default_workers
from ldpf.data.in_memory import LabeledImages
from ldpf.errors import DataError
from ldpf.features.cache import FeatureCache
from ldpf.features.engines.choose import DEFAULT as DEFAULT_ENGINE
from ldpf.features.engines.choose import engine_of, with_engine
from ldpf.features.feature_set import FeatureSet
from ldpf.features.file_keys import file_keys
from ldpf.features.in_memory import encode_labeled
from ldpf.features.missing import (
    all_bad_message,
    bad_headers,
    encode_missing,
    readable,
    say_early,
)
from ldpf.features.rows import CachedRows, GivenRows, Rows, is_large
from ldpf.utils.arrays import check_rows, unit_rows
from ldpf.utils.cache_dir import cache_root

if TYPE_CHECKING:
    from ldpf.backbones import Backbone

log = logging.getLogger("ldpf")


@dataclass(frozen=True)
class Extraction:
    """Features, and what it took to get them.

    Attributes:
        features: of every image that can be used.
        encoded: images encoded now; the others came from the cache, or brought their features.
        seconds: wall time for all of it.
        image_engine: what computed them, or would have.
        cache: folder that keeps them; None where they are not kept.
    """

    features: FeatureSet
    encoded: int
    seconds: float
    image_engine: str = DEFAULT_ENGINE
    cache: Path | None = None

    @property
    def cached(self) -> int:
        """Images that were not encoded now."""
        return len(self.features) - self.encoded


def extract_features(
    dataset: ImageDataset | LabeledImages,
    backbone: Backbone,
    *,
    cache_dir: Path | None = None,
    batch_size: int = 64,
    workers: int | None = None,
    verify: bool = False,
    skip_bad: bool = False,
    progress: bool = True,
    max_pixels: int = MAX_PIXELS,
    style: bool = False,
    image_engine: str = DEFAULT_ENGINE,
) -> FeatureSet:
    """The features of every image; see `encode_dataset`, which also reports time and counts."""
    return encode_dataset(
        dataset,
        backbone,
        cache_dir=cache_dir,
        batch_size=batch_size,
        workers=workers,
        verify=verify,
        skip_bad=skip_bad,
        progress=progress,
        max_pixels=max_pixels,
        style=style,
        image_engine=image_engine,
    ).features


def encode_dataset(
    dataset: ImageDataset | LabeledImages,
    backbone: Backbone,
    *,
    cache_dir: Path | None = None,
    batch_size: int = 64,
    workers: int | None = None,
    verify: bool = False,
    skip_bad: bool = False,
    progress: bool = True,
    max_pixels: int = MAX_PIXELS,
    style: bool = False,
    image_engine: str = DEFAULT_ENGINE,
) -> Extraction:
    """The features of every image of a dataset, encoding only those not encoded before.

    Features are kept under `cache_dir` by backbone and by dataset folder; an image counts as
    encoded while its path, size and modification time are the same, and where it was renamed, moved
    or copied while its content is (it is then read, and not decoded). New results are written at
    least every 2,000 images or 30 seconds: interrupted, even killed, the same call resumes where it
    stopped, and several calls may run at once. An image's feature does not depend on when it was
    encoded or on what else was (see `encode_files`; keep `batch_size` and the device the same for
    equal bits).

    Each image is decoded once. Bad files are collected while the good ones are encoded and kept;
    the one message that lists them all comes at the end, so that a call after the repair encodes
    only what was repaired. Files that are missing, or bad by their header, are named in the log
    before encoding begins.

    Args:
        dataset: What to encode. Embeddings computed elsewhere are taken as they are. Images that
            are not files (`from_torch`, `from_huggingface`, `from_arrays`) are encoded anew by each
            call, and bad ones among them stop it.
        backbone: What to encode it with.
        cache_dir: Default `ldpf.utils.cache_dir.cache_root()`.
        batch_size: Images encoded at once.
        workers: Threads that read and decode; default one per processor.
        verify: Also compare the content of every file with what was encoded (a sha256; reads all
            files), for data whose files change without changing size or modification time.
        skip_bad: Leave bad files out and record them in `skipped`, instead of stopping.
        progress: Show progress on stderr.
        max_pixels: As in `ldpf.data.images.read_image`.
        style: Also read the style statistics of each image, in the same pass; they are kept with
            the features under a key of their own. See `StyledBackbone`.
        image_engine: What computes the image tower on a CPU; see `with_engine`. Features of each
            are kept under a key of its own. Style statistics are read by PyTorch alone.

    Raises:
        DataError: Bad files and `skip_bad` is False: one message that lists them, when all others
            are encoded and kept; no image left; or the cache folder cannot be written to.
        BackboneError: The backbone gives a feature that is not finite, or fails.
    """
    root = cache_dir if cache_dir is not None else cache_root()
    if style:
        _require_images(dataset)
        if image_engine != DEFAULT_ENGINE:
            log.info("image engine: torch (style statistics are read in its layers)")
        both = encode_dataset(
            dataset,
            StyledBackbone(backbone),  # type: ignore[arg-type]
            cache_dir=cache_dir,
            batch_size=batch_size,
            workers=workers,
            verify=verify,
            skip_bad=skip_bad,
            progress=progress,
            max_pixels=max_pixels,
        )
        return replace(both, features=_divided(both.features, backbone.embed_dim))
    started = time.perf_counter()
    if not isinstance(dataset, EmbeddedImages):
        # It stands in for the backbone where images are encoded.
        backbone = with_engine(backbone, image_engine, root)  # type: ignore[assignment]
    used = engine_of(backbone)
    if isinstance(dataset, LabeledImages):
        known = encode_labeled(dataset, backbone, batch_size=batch_size, progress=progress)
        return Extraction(known, len(known), time.perf_counter() - started, used)
    if not len(dataset):
        raise DataError(f"the dataset {dataset.name!r} has no images; there is nothing to encode")
    if isinstance(dataset, EmbeddedImages):
        known = FeatureSet.of(dataset, _given_features(dataset, backbone))
        return Extraction(known, encoded=0, seconds=time.perf_counter() - started)
    workers = workers or default_workers()
    keys, bad = file_keys(dataset, workers, verify=verify, progress=progress)
    cache = FeatureCache(
        root,
        dataset.root,
        backbone.fingerprint,
        backbone.embed_dim,
    )
    contents = np.zeros((len(dataset), 32), np.uint8)
    if is_large(len(dataset), backbone.embed_dim):
        places, found = cache.places(keys, contents)
        if found.all() and not bad:
            known = FeatureSet.of(dataset, places, contents)
            return Extraction(known, 0, time.perf_counter() - started, used, cache.folder)
        features = _partly(places, found)
    else:
        features, found = cache.lookup(keys, contents)
    missing = readable(dataset, np.flatnonzero(~found).tolist(), bad)
    if not skip_bad and missing:  # those to be left out can wait for the end
        bad += bad_headers(dataset, missing, workers, progress, max_pixels)
        missing = readable(dataset, missing, bad)
        if missing and bad:
            say_early(bad, len(dataset))
    encoded = 0
    if missing:
        cache.require_writable()
        failed, encoded = encode_missing(
            dataset,
            missing,
            features,
            contents,
            backbone,
            cache,
            batch_size,
            workers,
            progress,
            max_pixels,
        )
        bad += failed
    order = {path: i for i, path in enumerate(dataset.paths)} if bad else {}
    bad.sort(key=lambda one: order[one.path])
    if bad and not skip_bad:
        raise DataError(all_bad_message(bad, dataset))
    kept = dataset.without(bad)
    if not len(kept):
        raise DataError(f"no image is left: {bad_images_message(bad, len(dataset), dataset.root)}")
    if bad:
        lost = {one.path for one in bad}
        rows = [i for i, path in enumerate(dataset.paths) if path not in lost]
        features, contents = features[torch.tensor(rows)], contents[rows]
    known = FeatureSet.of(kept, features, contents)
    return Extraction(known, encoded, time.perf_counter() - started, used, cache.folder)


def _require_images(dataset: ImageDataset | LabeledImages) -> None:
    if isinstance(dataset, EmbeddedImages):
        raise DataError(
            f"the embeddings of {dataset.name!r} hold no style statistics; give the images "
            "themselves, or take discovery.features='image'"
        )


def _divided(both: FeatureSet, embed_dim: int) -> FeatureSet:
    """Features [N, D] and, apart from them, the style statistics that stand behind them."""
    features, style = both.features[:, :embed_dim], both.features[:, embed_dim:]
    return replace(both, features=features.contiguous(), style=style.contiguous())


def _given_features(dataset: EmbeddedImages, backbone: Backbone) -> Tensor | Rows:
    """Embeddings as image features of a backbone: float32 [N, D] of length one.

    Raises:
        DataError: They have another D than the backbone, which is all that can be compared, or one
            is not finite or all zero.
    """
    assert dataset.embeddings is not None
    size = dataset.embeddings.shape[1]
    if size != backbone.embed_dim:
        raise DataError(
            f"the embeddings of {dataset.name!r} hold {size:,} numbers each, but image features "
            f"of backbone {backbone.name!r} hold {backbone.embed_dim:,}; give the backbone "
            "they were computed with, whose text side is needed, or compute them anew"
        )
    if isinstance(dataset.embeddings, np.ndarray):
        return unit_rows(dataset.embeddings)
    check_rows(dataset.embeddings)
    return GivenRows(dataset.embeddings)


def _partly(rows: CachedRows, found: np.ndarray) -> Tensor:
    """Features [N, D] with those found filled in."""
    features = torch.empty(rows.shape)
    rows.copy_to(features, np.flatnonzero(found))
    return features
