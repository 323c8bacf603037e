"""Where labeled images come from, as a person says it; imports nothing heavy."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ldpf.utils.text import count, some

if TYPE_CHECKING:
    from ldpf.data import ImageDataset
    from ldpf.features.feature_set import FeatureSet

log = logging.getLogger("ldpf")


@dataclass(frozen=True)
class DataSource:
    """Labeled images that are not read yet; every workflow takes one in place of a path.

    Attributes:
        source: a folder, a manifest, a file of embeddings, or "demo"; see `load_dataset`.
        layout: how folders are read: "auto", "domain/class" or "class".
        class_names: file with better names for classes.
        skip_bad: leave out images that cannot be read, instead of stopping.
        cache_dir: where image features are kept; None for `$LDPF_CACHE`, else `~/.cache/ldpf`.
        benchmark: "auto", the name of a named dataset, or "none" for plain folders.
    """

    source: str
    layout: str = "auto"
    class_names: Path | None = None
    skip_bad: bool = False
    cache_dir: Path | None = None
    benchmark: str = "auto"

    def load(self) -> ImageDataset:
        """List the images; raises DataError or SettingsError as `load_dataset` does."""
        from ldpf.data import load_dataset

        dataset = load_dataset(
            self.source,
            layout=self.layout,
            class_names=self.class_names,
            skip_bad=self.skip_bad,
            cache_dir=self.cache_dir,
            benchmark=self.benchmark,
        )
        log.info("images: %s (%s)", describe(dataset), dataset.root)
        return dataset


def describe(dataset: ImageDataset | FeatureSet) -> str:
    """How many images, classes and domains there are, in words."""
    if dataset.domains is None:
        domains = "domains unknown"
    else:
        names = dataset.domain_names
        domains = f"{count(len(names), 'domain')} ({some(names, limit=8)})"
    classes = count(len(dataset.class_names), "class", "classes")
    return f"{count(len(dataset), 'image')}, {classes}, {domains}"
