"""Images encoded on many machines, which share the cache: the work of `ldpf features --engine`.

Workers encode parts of what the cache lacks and write it there, as shards of a job array do. What
is in the cache in the end is what one process would have written: an image's feature does not
depend on what is encoded beside it. Whatever a lost worker has not written, and every bad file, is
left to the process that began it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ldpf.data.dataset import ImageDataset
from ldpf.data.images import default_workers
from ldpf.errors import DataError
from ldpf.experiments.engines.base import Done, Engine, Work
from ldpf.experiments.pool import backbone_of_worker
from ldpf.features.cache import FLUSH_IMAGES, FeatureCache
from ldpf.features.engines.choose import with_engine
from ldpf.features.extract import encode_dataset
from ldpf.features.file_keys import file_keys
from ldpf.utils.cache_dir import cache_root
from ldpf.utils.paths import full_path
from ldpf.utils.progress import progress_bar
from ldpf.utils.quiet import quiet
from ldpf.utils.text import count
from ldpf.utils.ways import command_line, reads_options

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.workflows.inputs import ListedImages

log = logging.getLogger("ldpf")

SMALLEST = 64
"""Images in a part, at least."""


@dataclass(frozen=True)
class Encoding:
    """What all parts have in common.

    Attributes:
        backbone: name, device and fingerprint.
        cache_dir: on a file system that all machines share.
        batch_size: images encoded at once, everywhere the same.
        image_engine: what computes the image tower.
        typed: whether messages are read by someone who typed a command.
    """

    backbone: tuple[str, str, str]
    cache_dir: Path
    batch_size: int
    image_engine: str
    typed: bool = False


def encode_elsewhere(
    images: ListedImages,
    backbone: Backbone,
    engine: Engine,
    *,
    batch_size: int = 64,
    verify: bool = False,
) -> int:
    """Encode what the cache lacks by the workers of an engine; bad files are left out.

    Args:
        images: of files.
        backbone: that workers load by its name.
        engine: whose workers see images, cache and backbone under the same paths.
        batch_size: images encoded at once.
        verify: also compare contents, as `encode_dataset` does.

    Returns:
        How many images were encoded.

    Raises:
        SettingsError: what the engine needs is not installed.
        LdpfError: workers cannot encode, or die again and again.
    """
    dataset = images.dataset
    # Not resolved: a shared folder may be mounted elsewhere there, under a link of the same name.
    cache_dir = Path(os.path.abspath(images.source.cache_dir or cache_root()))  # noqa: PTH100
    encoder: Any = with_engine(backbone, images.source.image_engine, cache_dir)
    keys, bad = file_keys(dataset, default_workers(), verify=verify, progress=False)
    cache = FeatureCache(cache_dir, dataset.root, encoder.fingerprint, encoder.embed_dim)
    _, found = cache.lookup(keys)
    lost = {one.path for one in bad}
    missing = [i for i in np.flatnonzero(~found).tolist() if dataset.paths[i] not in lost]
    if not missing:
        return 0
    cache.require_writable()
    name = full_path(backbone.name)
    named = str(name.absolute()) if name.is_dir() else backbone.name
    common = Encoding(
        (named, str(backbone.device), backbone.fingerprint),
        cache_dir,
        batch_size,
        images.source.image_engine,
        reads_options(),
    )
    work: Work[ImageDataset, int] = Work(common, encode_parts, _named, lambda why: 0)

    def groups_for(workers: int) -> list[list[ImageDataset]]:
        size = min(max(-(-len(missing) // (4 * workers)), SMALLEST), FLUSH_IMAGES)
        # Evenly mixed, so that large images in one folder do not make one part the last.
        order = np.random.default_rng(0).permutation(missing)
        parts = [np.sort(order[i : i + size]) for i in range(0, len(order), size)]
        return [[dataset.subset(rows)] for rows in parts]

    encoded = 0
    enabled = log.isEnabledFor(logging.INFO)
    on_gpu = torch.device(backbone.device).type == "cuda"
    with progress_bar("encoding images", len(missing), enabled=enabled) as advance:
        for part, done in engine.spread(work, groups_for, on_gpu=on_gpu):
            encoded += done
            advance(len(part))
    return encoded


def encode_parts(common: Encoding, chunk: Sequence[tuple[int, Sequence[ImageDataset]]]) -> Done:
    """Encode parts into the cache, in a worker.

    Returns:
        For each its number, how many images were encoded, and no warnings: the process that waits
        reads bad files itself, and says what is wrong with them.
    """
    with quiet(), command_line(common.typed):
        backbone = backbone_of_worker(*common.backbone)
        return [
            (number, [_encode(common, part, backbone) for part in parts], [])
            for number, parts in chunk
        ]


def _encode(common: Encoding, part: ImageDataset, backbone: Backbone) -> int:
    try:
        return encode_dataset(
            part,
            backbone,
            cache_dir=common.cache_dir,
            batch_size=common.batch_size,
            workers=1,
            skip_bad=True,
            progress=False,
            image_engine=common.image_engine,
        ).encoded
    except DataError:  # not one of them can be read
        return 0


def _named(part: ImageDataset) -> str:
    return f"{count(len(part), 'image')} from {part.paths[0]}"
