"""Image files in, features out, in order: reading and preprocessing run beside the encoder."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ldpf.data.content import content_of
from ldpf.data.decoding_pool import decoding_pool
from ldpf.data.images import (
    MAX_PIXELS,
    UnreadableImageError,
    default_workers,
    opened_picture,
)
from ldpf.data.poor_pictures import PoorPictures, why_poor
from ldpf.errors import BackboneError
from ldpf.features.cache import mtime_of
from ldpf.utils.constraints import Whole, check_value

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.contents import KnownContents


@dataclass(frozen=True)
class Encoded:
    """What became of one file: a feature, or the reason why there is none.

    Attributes:
        path: As it was given.
        feature: [D] float32 on the CPU, or None.
        error: Why the file could not be read, or None.
        not_finite: The file was read, but the backbone gave NaN or infinity for it.
        poor: Why its picture shows nearly nothing, as `ldpf.data.poor_pictures.why_poor` says.
        size, mtime, sha256: The state of the file that was read: bytes, nanoseconds, digest.
        known: The feature was in the cache, under this or another path; nothing was decoded.
    """

    path: str | Path
    feature: Tensor | None = None
    error: str | None = None
    not_finite: bool = False
    poor: str | None = None
    size: int = 0
    mtime: int = 0
    sha256: bytes = b""
    known: bool = False


@dataclass(frozen=True)
class _Loaded:
    """What was read: pixels to encode, or the feature that a file of this content has."""

    size: int
    mtime: int
    sha256: bytes
    pixels: Tensor | None = None  # [3, H, W]
    feature: Tensor | None = None  # [D]
    poor: str | None = None


def encode_files(
    paths: Iterable[str | Path],
    backbone: Backbone,
    *,
    batch_size: int = 64,
    workers: int | None = None,
    pad: bool = True,
    max_pixels: int = MAX_PIXELS,
    known: KnownContents | None = None,
) -> Generator[Encoded, None, None]:
    """Encode image files in the order given, holding only a few batches in memory.

    A pool of threads reads, decodes and preprocesses some images ahead of the encoder.

    Args:
        paths: Files; consumed lazily and on the caller's thread.
        backbone: Its `preprocess` is called from several threads, on one image at a time.
        batch_size: Images encoded at once.
        workers: Threads; default one per processor.
        pad: Fill the last batch with black images, so that every batch has the same shape. Matrix
            products round differently for different shapes: with padding, an image's feature has
            the same bits whatever else was encoded in this call (measured on CPU for even
            batch sizes of 4 to 64; odd ones may differ in the last bits on several threads).
        max_pixels: As in `ldpf.data.images.read_image`.
        known: Cached features by content; files that are among them are read and not decoded.

    Yields:
        One `Encoded` per path. A file that cannot be read gives its reason and stops nothing.

    Raises:
        BackboneError: Preprocessing fails on an image that was read, or features come out in the
            wrong shape.
        SettingsError: `batch_size` or `workers` below 1.
    """
    workers = default_workers() if workers is None else workers
    check_value("batch_size", batch_size, Whole(at_least=1))
    check_value("workers", workers, Whole(at_least=1))
    batch: list[tuple[str | Path, _Loaded | UnreadableImageError]] = []
    readable = 0
    for path, loaded in _load_ahead(paths, backbone, workers, batch_size, max_pixels, known):
        batch.append((path, loaded))
        readable += isinstance(loaded, _Loaded) and loaded.pixels is not None
        # Others wait with their batch to keep the order, but not in unbounded numbers.
        if readable == batch_size or len(batch) == 4 * batch_size:
            yield from _encode_batch(batch, backbone, batch_size, pad)
            batch, readable = [], 0
    yield from _encode_batch(batch, backbone, batch_size, pad)


def stream_features(
    paths: Iterable[str | Path],
    backbone: Backbone,
    *,
    batch_size: int = 64,
    workers: int | None = None,
    pad: bool = False,
    known: KnownContents | None = None,
) -> Generator[tuple[str | Path, Tensor | None, str | None], None, None]:
    """Features of any number of files, of which the cache keeps none: for prediction.

    After the last one, the log warns of pictures that show nearly nothing.

    Memory stays bounded for a million files if `paths` is lazy, as `ldpf.data.iter_image_files` is.

    Args:
        paths, backbone, batch_size, workers: As in `encode_files`.
        pad: See `encode_files`. Off, a single image costs one image and not a whole batch, and the
            images of the last, smaller batch may differ in the last bits from what they would be
            in a full one.
        known: Cached features by content, which are taken instead of encoding anew.

    Yields:
        (path as given, feature [D] float32 or None, None or why there is no feature), in order.

    Raises:
        BackboneError, SettingsError: As in `encode_files`.
    """
    encoded = encode_files(
        paths, backbone, batch_size=batch_size, workers=workers, pad=pad, known=known
    )
    poor = PoorPictures()
    for one in encoded:
        poor.add(one.path, one.poor)
        error = not_finite_message(one.path, backbone) if one.not_finite else one.error
        yield one.path, one.feature, error
    poor.say()


def not_finite_message(path: str | Path, backbone: Backbone) -> str:
    """The sentence for an image whose feature is NaN or infinite."""
    return (
        f"the backbone {backbone.name} gives a feature that is not finite for {path}; "
        "its weights may be damaged, or overflow at half precision: load it in float32"
    )


def _load_ahead(
    paths: Iterable[str | Path],
    backbone: Backbone,
    workers: int,
    batch_size: int,
    max_pixels: int,
    known: KnownContents | None,
) -> Iterator[tuple[str | Path, _Loaded | UnreadableImageError]]:
    """Every path with its pixels or its error, in order, at most a few batches ahead."""
    window: deque[tuple[str | Path, Future[_Loaded | UnreadableImageError]]] = deque()
    room = max(2 * batch_size, 4 * workers)
    with decoding_pool(workers) as pool:  # also when the caller stops early or the encoder fails
        for path in paths:
            window.append((path, pool.submit(_load, path, backbone, max_pixels, known)))
            if len(window) >= room:
                first, future = window.popleft()
                yield first, future.result()
        while window:
            first, future = window.popleft()
            yield first, future.result()


def _load(
    path: str | Path, backbone: Backbone, max_pixels: int, known: KnownContents | None
) -> _Loaded | UnreadableImageError:
    """Read a file once, so that its digest, its recorded state and its pixels belong together."""
    try:
        with content_of(path) as content:
            status = content.status
            state = status.st_size, mtime_of(status), content.sha256
            if known is not None and (feature := known.feature(content.sha256)) is not None:
                return _Loaded(*state, feature=feature)
            with opened_picture(path, content.data, max_pixels) as opened:
                image = opened.picture
                try:
                    pixels = backbone.preprocess([image])[0]
                except Exception as error:
                    raise BackboneError(
                        f"the preprocessing of {backbone.name} fails on {path} ({image.width} x "
                        f"{image.height} pixels): {error}"
                    ) from error
                return _Loaded(*state, pixels=pixels, poor=why_poor(image))
    except UnreadableImageError as error:
        return error


def _encode_batch(
    batch: list[tuple[str | Path, _Loaded | UnreadableImageError]],
    backbone: Backbone,
    batch_size: int,
    pad: bool,
) -> Iterator[Encoded]:
    loaded = [one for _, one in batch if isinstance(one, _Loaded)]
    new = [one.pixels for one in loaded if one.pixels is not None]
    features = iter(_features(new, backbone, batch_size, pad))
    for path, one in batch:
        if isinstance(one, UnreadableImageError):
            yield Encoded(path, error=one.reason)
            continue
        feature = next(features) if one.feature is None else one.feature
        is_finite = bool(torch.isfinite(feature).all())
        yield Encoded(
            path,
            feature=feature if is_finite else None,
            not_finite=not is_finite,
            poor=one.poor,
            size=one.size,
            mtime=one.mtime,
            sha256=one.sha256,
            known=one.feature is not None,
        )


def _features(pixels: list[Tensor], backbone: Backbone, batch_size: int, pad: bool) -> list[Tensor]:
    """Encode n images of [3, H, W]; n features [D]."""
    if not pixels:
        return []
    rows = batch_size if pad else len(pixels)
    stacked = torch.zeros(rows, *pixels[0].shape, dtype=pixels[0].dtype)  # [B, 3, H, W]
    for row, image in zip(stacked, pixels, strict=False):
        row.copy_(image)
    features = backbone.encode_images(stacked)
    if features.shape != (rows, backbone.embed_dim):
        raise BackboneError(
            f"the backbone {backbone.name} gave features of shape {list(features.shape)} for "
            f"{rows} images; expected [{rows}, {backbone.embed_dim}]"
        )
    # clone: rows must not keep the whole batch, or the encoder's memory, alive
    return [row.clone() for row in features[: len(pixels)].detach().to("cpu", torch.float32)]
