"""Images encoded ahead of everything else: the work of `ldpf features`."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ldpf.data import EmbeddedImages
from ldpf.data.embedding_layouts.clip_retrieval import TASK, write_clip_retrieval
from ldpf.data.parquet import require_pyarrow
from ldpf.errors import DataError
from ldpf.experiments.engines import DEFAULT_ENGINE, ENGINES
from ldpf.features.cache import FeatureCache
from ldpf.features.extract import Extraction
from ldpf.features.feature_set import FeatureSet
from ldpf.utils.cache_dir import cache_root
from ldpf.utils.locks import locked_folder
from ldpf.utils.own_folders import check_own_folder
from ldpf.utils.paths import full_path
from ldpf.utils.shards import Shard, shard_of
from ldpf.utils.text import count
from ldpf.utils.ways import named
from ldpf.workflows.inputs import AnyBackbone, Images, list_images
from ldpf.workflows.outputs import check_outputs
from ldpf.workflows.spreading import encode_elsewhere

log = logging.getLogger("ldpf")


@dataclass(frozen=True)
class Encoding:
    """Image features, and what it took to get them.

    Attributes:
        features: of every image that can be used.
        data: name of the dataset.
        backbone: name of the backbone.
        fingerprint: of the backbone.
        encoded: images encoded now; the others came from the cache.
        seconds: for all of it.
        cache: folder that keeps them.
        files: written besides, where `out` was given.
        image_engine: what computed the image tower.
    """

    features: FeatureSet
    data: str
    backbone: str
    fingerprint: str
    encoded: int
    seconds: float
    cache: Path
    files: tuple[Path, ...] = ()
    image_engine: str = "torch"

    @property
    def cached(self) -> int:
        """Images that were encoded before."""
        return len(self.features) - self.encoded

    @property
    def images_per_second(self) -> float | None:
        """Images encoded in a second; None where none was."""
        return self.encoded / max(self.seconds, 1e-9) if self.encoded else None

    def to_json(self) -> dict[str, Any]:
        """All but the features themselves, as plain values."""
        rate = self.images_per_second
        return {
            "data": self.data,
            "backbone": self.backbone,
            "fingerprint": self.fingerprint,
            "image_engine": self.image_engine,
            "images": len(self.features),
            "cached": self.cached,
            "encoded": self.encoded,
            "skipped": [{"path": b.path, "reason": b.reason} for b in self.features.skipped],
            "seconds": round(self.seconds, 3),
            "images_per_second": None if rate is None else round(rate, 1),
            "digest": self.features.digest(),
            "cache": str(self.cache),
            "files": [str(file) for file in self.files],
        }


def encode(
    data: Images,
    backbone: AnyBackbone | None = None,
    *,
    verify: bool = False,
    batch_size: int = 64,
    shard: Shard | str | None = None,
    device: str = "auto",
    out: str | Path | None = None,
    engine: str = DEFAULT_ENGINE,
    jobs: int | None = None,
) -> Encoding:
    """Encode every image once and keep the result; every other workflow does this by itself.

    Args:
        data: labeled images.
        backbone: what to encode them with; None for `openai/clip-vit-base-patch16`, and "nano" for
            the demo set.
        verify: also compare the content of every file with what was encoded.
        batch_size: images encoded at once.
        shard: which part of the images to encode, such as "2/8", by their paths; None for all.
            Shards share the cache and may run at once, on one machine or several.
        device: "auto", "cpu" or "cuda".
        out: also write the features there, a new or empty folder, as clip-retrieval lays them out:
            img_emb/img_emb_0000.npy and metadata/metadata_0000.parquet, numbered. Every workflow
            reads it as data. Shards that run at once need a folder each.
        engine: a name in `ldpf.experiments.engines.ENGINES`: where images are encoded. Its machines
            must see images, backbone and cache under the same paths.
        jobs: parts encoded at a time at most, on an engine of several machines.

    Raises:
        DataError: there are bad images (and they are not to be left out), or embeddings, or the
            cache cannot be written.
        BackboneError: the backbone cannot be loaded, or fails.
        SettingsError: the cache or `out` lies in the folder of the images, `out` is not empty, or
            there is no such shard.
    """
    part = shard_of(shard)
    place = ENGINES.make(engine, jobs=jobs)
    check_outputs(data, folders={"out": out})
    folder = None if out is None else full_path(out, named("out"))
    if folder is not None:
        check_own_folder(folder, (), "features")
        require_pyarrow(TASK)  # before hours of encoding, not after
    images = list_images(data)
    dataset = images.dataset
    if isinstance(dataset, EmbeddedImages):
        raise DataError(f"{images.source.source} holds embeddings; there is no image to encode.")
    frozen = images.open_backbone(backbone, device)
    if part is not None:
        dataset = dataset.subset([i for i, path in enumerate(dataset.paths) if part.has(path)])
        log.info("shard %s: %s", part, count(len(dataset), "image"))
        images = replace(images, dataset=dataset)
    if part is not None and not len(dataset):  # more shards than images: its work is done
        nothing = FeatureSet.of(dataset, torch.empty(0, frozen.embed_dim))
        extraction = Extraction(nothing, encoded=0, seconds=0.0)
    else:
        how = {"verify": verify, "batch_size": batch_size}
        started, elsewhere = time.perf_counter(), 0
        if not place.on_this_machine:
            elsewhere = encode_elsewhere(images, frozen, place, **how)
        extraction = images.encode(frozen, **how)
        extraction = replace(
            extraction,
            encoded=extraction.encoded + elsewhere,
            seconds=time.perf_counter() - started,
        )
    root = images.source.cache_dir or cache_root()
    cache = FeatureCache(root, dataset.root, frozen.fingerprint, frozen.embed_dim).folder
    files: list[Path] = []
    if folder is not None:
        with locked_folder(folder):
            files = write_clip_retrieval(folder, extraction.features, dataset.root)
    return Encoding(
        features=extraction.features,
        data=dataset.name,
        backbone=frozen.name,
        fingerprint=frozen.fingerprint,
        encoded=extraction.encoded,
        seconds=extraction.seconds,
        cache=extraction.cache or cache,
        files=tuple(files),
        image_engine=extraction.image_engine,
    )
