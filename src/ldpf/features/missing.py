"""Images that the cache lacks: encoded into it, and the bad files among them."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from ldpf.data.dataset import ImageDataset
from ldpf.data.headers import check_headers
from ldpf.data.images import BadImage, bad_images_message
from ldpf.data.poor_pictures import PoorPictures
from ldpf.errors import BackboneError
from ldpf.features.cache import FeatureCache
from ldpf.features.encode import encode_files, not_finite_message
from ldpf.utils.progress import progress_bar
from ldpf.utils.text import count, some

if TYPE_CHECKING:
    from ldpf.backbones import Backbone

log = logging.getLogger("ldpf")


def encode_missing(
    dataset: ImageDataset,
    rows: list[int],
    features: Tensor,
    contents: np.ndarray,
    backbone: Backbone,
    cache: FeatureCache,
    batch_size: int,
    workers: int,
    progress: bool,
    max_pixels: int,
) -> tuple[list[BadImage], int]:
    """Encode these rows into `features` [N, D] and the cache.

    The digests of their contents go into `contents` [N, 32]. Files of the same content as any that
    this backbone has encoded, in whatever folder, are read and not encoded again.

    Returns:
        The files that failed, and how many were encoded.
    """
    n_encoded = 0
    bad: list[BadImage] = []
    poor = PoorPictures()
    files = (dataset.picture(i) for i in rows)
    encoded = encode_files(
        files,
        backbone,
        batch_size=batch_size,
        workers=workers,
        max_pixels=max_pixels,
        known=cache.known_contents(),
    )
    # closing: the reading threads end here too when the loop is left by an error.
    with (
        progress_bar("encoding images", len(rows), enabled=progress) as advance,
        closing(encoded),
    ):
        try:
            for i, one in zip(rows, encoded, strict=True):
                path = dataset.paths[i]
                poor.add(path, one.poor)
                if one.not_finite:
                    raise BackboneError(not_finite_message(one.path, backbone))
                if one.feature is None:
                    bad.append(BadImage(path, one.error or ""))
                else:
                    n_encoded += not one.known
                    features[i] = one.feature
                    contents[i] = np.frombuffer(one.sha256, np.uint8)
                    row = one.feature.numpy()
                    cache.add(path, one.size, one.mtime, one.sha256, row)
                advance(1)
        finally:  # whatever stops this loop, what is encoded stays encoded
            cache.flush()
    poor.say()
    return bad, n_encoded


def readable(dataset: ImageDataset, rows: list[int], bad: list[BadImage]) -> list[int]:
    """Those of `rows` whose files are not among the bad ones."""
    lost = {one.path for one in bad}
    return [i for i in rows if dataset.paths[i] not in lost] if lost else rows


def bad_headers(
    dataset: ImageDataset, rows: list[int], workers: int, progress: bool, max_pixels: int
) -> list[BadImage]:
    """Those of these images that are bad by their header, under their paths in the dataset."""
    with progress_bar("reading headers", len(rows), enabled=progress) as advance:
        return [
            BadImage(dataset.paths[rows[number]], reason)
            for number, reason in check_headers(
                (dataset.file(i) for i in rows), workers, max_pixels=max_pixels, on_done=advance
            )
        ]


def say_early(bad: list[BadImage], total: int) -> None:
    """Name bad files in the log before the others are encoded."""
    log.warning(
        "%s of %s cannot be used: %s; the others are encoded and kept, then this stops (Ctrl-C "
        "stops at once and loses nothing)",
        f"{len(bad):,}",
        count(total, "image"),
        some([f"{one.path} ({one.reason})" for one in bad], limit=5),
    )


def all_bad_message(bad: list[BadImage], dataset: ImageDataset) -> str:
    """All bad files of a dataset, and that the others stay encoded."""
    message = bad_images_message(bad, len(dataset), dataset.root)
    good = len(dataset) - len(bad)
    if not good:
        return message
    return f"{message}\nThe other {count(good, 'image')} stay encoded: the next call is quick."
