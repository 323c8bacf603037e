"""Every image encoded once; from here on no image is touched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ldpf.data.dataset import ImageDataset
from ldpf.data.embeddings import EmbeddedImages
from ldpf.data.images import (
    MAX_PIXELS,
    BadImage,
    UnreadableImageError,
    bad_images_message,
    check_images,
    default_workers,
    require_plain_file,
)
from ldpf.encoding import encode_files, not_finite_message, stream_features
from ldpf.errors import BackboneError, DataError
from ldpf.feature_cache import FeatureCache, FileKeys
from ldpf.utils.cache_dir import cache_root
from ldpf.utils.progress import progress_bar

if TYPE_CHECKING:
    from ldpf.backbones import Backbone

__all__ = ["FeatureSet", "extract_features", "stream_features"]


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Encoded images with their class ids and, where known, domain ids.

    Attributes:
        features: [N, D] float32, L2-normalised.
        labels: [N] int64, class ids into `class_names`.
        domains: [N] int64, domain ids into `domain_names`, or None where domains are unknown.
        class_names: Readable names.
        domain_names: Empty where domains are unknown.
        paths: N paths as in `ImageDataset.paths`.
        splits: [N] strings ``train``, ``val``, ``test`` from a manifest, or None.
        skipped: Files left out because they cannot be used.

    Raises:
        DataError: The arrays have different lengths.
    """

    features: Tensor
    labels: Tensor
    domains: Tensor | None
    class_names: tuple[str, ...]
    domain_names: tuple[str, ...]
    paths: tuple[str, ...]
    splits: np.ndarray | None = None
    skipped: tuple[BadImage, ...] = ()

    def __post_init__(self) -> None:
        for field in ("labels", "domains", "paths", "splits"):
            values = getattr(self, field)
            if values is not None and len(values) != len(self.features):
                raise DataError(
                    f"a feature set needs one entry of {field} for each feature: "
                    f"{len(values):,} {field}, {len(self.features):,} features"
                )

    def __len__(self) -> int:
        return len(self.features)

    def subset(self, indices: Sequence[int] | np.ndarray | Tensor) -> FeatureSet:
        """The rows at `indices` (integers, or a mask of N booleans), in that order.

        Class and domain names stay whole, so that ids keep their meaning. Rows may repeat.
        """
        indices = indices.cpu().numpy() if isinstance(indices, Tensor) else np.asarray(indices)
        picked = np.arange(len(self))[indices] if len(indices) else np.empty(0, np.int64)
        rows = torch.from_numpy(picked)
        return replace(
            self,
            features=self.features[rows],
            labels=self.labels[rows],
            domains=None if self.domains is None else self.domains[rows],
            paths=tuple(self.paths[i] for i in picked),
            splits=None if self.splits is None else self.splits[picked],
        )

    def digest(self) -> str:
        """A sha256 (hexadecimal) over features, labels, domains, class names and domain names.

        Equal digests mean equal bits: results computed from one set hold for the other. Where the
        files lie does not enter.
        """
        digest = hashlib.sha256()
        names = [self.class_names, self.domain_names]
        digest.update(json.dumps([names, list(self.features.shape)]).encode())
        for tensor in (self.features, self.labels, self.domains):
            if tensor is None:
                digest.update(b"none")
                continue
            array = tensor.detach().cpu().contiguous().numpy()
            digest.update(str(array.dtype).encode())
            digest.update(array.data.cast("B") if array.size else b"")
        return digest.hexdigest()


def extract_features(
    dataset: ImageDataset,
    backbone: Backbone,
    *,
    cache_dir: Path | None = None,
    batch_size: int = 64,
    workers: int | None = None,
    verify: bool = False,
    skip_bad: bool = False,
    progress: bool = True,
    max_pixels: int = MAX_PIXELS,
) -> FeatureSet:
    """The features of every image of a dataset, encoding only those not encoded before.

    Features are kept under `cache_dir` by backbone and by dataset folder; an image counts as
    encoded while its path, size and modification time are the same. New results are written at
    least every 2,000 images or 30 seconds: interrupted, even killed, the same call goes on where it
    stopped, and several calls may run at once. An image's feature does not depend on when it was
    encoded or on what else was (see `encode_files`; keep `batch_size` and the device the same for
    equal bits).

    Images not encoded before are first checked by decoding them, so that bad files are all reported
    at once before any time is spent on encoding. A file that breaks or disappears after that is
    reported in the same way once everything else is encoded and kept.

    Args:
        dataset: What to encode. Embeddings computed elsewhere are taken as they are.
        backbone: What to encode it with.
        cache_dir: Default `ldpf.utils.cache_dir.cache_root()`.
        batch_size: Images encoded at once.
        workers: Threads that read and decode; default one per processor.
        verify: Also compare the content of every file with what was encoded (a sha256; reads all
            files), for data whose files change without changing size or modification time.
        skip_bad: Leave bad files out and record them in `skipped`, instead of stopping.
        progress: Show progress on stderr.
        max_pixels: As in `ldpf.data.images.read_image`.

    Raises:
        DataError: Bad files and `skip_bad` is False: one message that lists them; no image left;
            or the cache folder cannot be written to.
        BackboneError: The backbone gives a feature that is not finite, or fails.
    """
    if not len(dataset):
        raise DataError(f"the dataset {dataset.name!r} has no images; there is nothing to encode")
    if isinstance(dataset, EmbeddedImages):
        return feature_set(dataset, dataset.checked_for(backbone))
    workers = workers or default_workers()
    keys, bad = _file_keys(dataset, workers, verify, progress)
    cache = FeatureCache(
        cache_dir if cache_dir is not None else cache_root(),
        dataset.root,
        backbone.fingerprint,
        backbone.embed_dim,
    )
    features, found = cache.lookup(keys)
    lost = {one.path for one in bad}
    missing = [i for i in np.flatnonzero(~found).tolist() if dataset.paths[i] not in lost]
    if not skip_bad:  # with skip_bad, bad files are found while encoding: one decoding, not two
        bad += _check(dataset, missing, workers, progress, max_pixels)
        _stop_if_bad(bad, dataset)
    if missing:
        cache.require_writable()
        bad += _encode_missing(
            dataset, missing, features, backbone, cache, batch_size, workers, progress, max_pixels
        )
        if not skip_bad:
            _stop_if_bad(bad, dataset)
    kept = dataset.without(bad)
    if not len(kept):
        raise DataError(f"no image is left: {bad_images_message(bad, len(dataset), dataset.root)}")
    if bad:
        lost = {one.path for one in bad}
        rows = [i for i, path in enumerate(dataset.paths) if path not in lost]
        features = features[torch.tensor(rows)]
    return feature_set(kept, features)


def feature_set(dataset: ImageDataset, features: Tensor) -> FeatureSet:
    """Features [N, D] of the N images of a dataset, with all that it says of them."""
    return FeatureSet(
        features=features,
        labels=torch.from_numpy(dataset.labels),
        domains=None if dataset.domains is None else torch.from_numpy(dataset.domains),
        class_names=dataset.class_names,
        domain_names=dataset.domain_names,
        paths=dataset.paths,
        splits=dataset.splits,
        skipped=dataset.skipped,
    )


def _file_keys(
    dataset: ImageDataset, workers: int, verify: bool, progress: bool
) -> tuple[FileKeys, list[BadImage]]:
    """The state of every file now; files that are not there (any more) are bad."""
    count = len(dataset)
    sizes = np.full(count, -1, np.int64)
    mtimes = np.zeros(count, np.int64)
    digests = np.zeros((count, 32), np.uint8) if verify else None

    def look_at(rows: range) -> list[BadImage]:
        return [one for one in map(look, rows) if one is not None]

    def look(i: int) -> BadImage | None:
        file = dataset.file(i)
        try:
            status = file.stat()
            require_plain_file(file, status)
            sizes[i], mtimes[i] = status.st_size, status.st_mtime_ns
            if digests is not None:
                with file.open("rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").digest()
                digests[i] = np.frombuffer(digest, np.uint8)
        except UnreadableImageError as error:
            return BadImage(dataset.paths[i], error.reason)
        except FileNotFoundError:
            link = file.is_symlink()
            reason = "a link to a file that does not exist" if link else "the file does not exist"
            return BadImage(dataset.paths[i], reason)
        except OSError as error:
            return BadImage(dataset.paths[i], f"cannot be read: {error.strerror or error}")
        return None

    bad: list[BadImage] = []
    with (
        progress_bar("comparing files", count, enabled=progress and verify) as advance,
        ThreadPoolExecutor(workers) as pool,
    ):
        # Threads: file systems on a network answer many questions at once, one by one is slow.
        chunks = [range(start, min(start + 256, count)) for start in range(0, count, 256)]
        for rows, found in zip(chunks, pool.map(look_at, chunks), strict=True):
            bad += found
            advance(len(rows))
    return FileKeys(dataset.paths, sizes, mtimes, digests), bad


def _check(
    dataset: ImageDataset, rows: list[int], workers: int, progress: bool, max_pixels: int
) -> list[BadImage]:
    """Decode these images and return the bad ones, under their paths in the dataset."""
    files = {str(dataset.file(i)): dataset.paths[i] for i in rows}
    with progress_bar("checking images", len(files), enabled=progress) as advance:
        bad = check_images(files, workers, max_pixels=max_pixels, on_done=advance)
    return [BadImage(files[one.path], one.reason) for one in bad]


def _encode_missing(
    dataset: ImageDataset,
    rows: list[int],
    features: Tensor,
    backbone: Backbone,
    cache: FeatureCache,
    batch_size: int,
    workers: int,
    progress: bool,
    max_pixels: int,
) -> list[BadImage]:
    """Encode these rows into `features` [N, D] and the cache; return the files that failed."""
    bad: list[BadImage] = []
    files = (dataset.file(i) for i in rows)
    encoded = encode_files(
        files, backbone, batch_size=batch_size, workers=workers, max_pixels=max_pixels
    )
    # closing: the reading threads end here too when the loop is left by an error.
    with (
        progress_bar("encoding images", len(rows), enabled=progress) as advance,
        closing(encoded),
    ):
        try:
            for i, one in zip(rows, encoded, strict=True):
                path = dataset.paths[i]
                if one.not_finite:
                    raise BackboneError(not_finite_message(one.path, backbone))
                if one.feature is None:
                    bad.append(BadImage(path, one.error or ""))
                else:
                    features[i] = one.feature
                    row = one.feature.numpy()
                    cache.add(path, one.size, one.mtime, one.sha256, row)
                advance(1)
        finally:  # whatever stops this loop, what is encoded stays encoded
            cache.flush()
    return bad


def _stop_if_bad(bad: list[BadImage], dataset: ImageDataset) -> None:
    if bad:
        order = {path: i for i, path in enumerate(dataset.paths)}
        ordered = sorted(bad, key=lambda one: order[one.path])
        raise DataError(bad_images_message(ordered, len(dataset), dataset.root))
