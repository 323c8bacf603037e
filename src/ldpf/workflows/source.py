"""Where labeled images come from, as a person says it; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ldpf.utils.text import count, some

if TYPE_CHECKING:
    from ldpf.data import ImageDataset
    from ldpf.features.feature_set import FeatureSet


@dataclass(frozen=True)
class DataSource:
    """Labeled images that are not read yet; every workflow accepts it in place of a path.

    Attributes:
        source: a folder, a manifest, a file of embeddings, or "demo"; see `load_dataset`.
        layout: how folders are read: "auto", "domain/class" or "class".
        class_names: file with better names for classes.
        skip_bad: leave out images that cannot be read, instead of stopping.
        cache_dir: where image features are stored; None for `$LDPF_CACHE`, or else `~/.cache/ldpf`.
        benchmark: "auto", the name of a named dataset, or "none" for plain folders.
        group_by: regular expression that finds in each path the group that must stay on one side of
            a split.
        columns: names of the columns of a table, as in "path=filename,label=class".
        image_engine: what computes the image tower on a CPU: "torch", "auto", or the name of an
            engine; see `ldpf.features.engines.choose.with_engine`.
        margin: how far to extend the boxes of a table on every side, as a share of their size.
    """

    source: str | Path
    layout: str = "auto"
    class_names: Path | None = None
    skip_bad: bool = False
    cache_dir: Path | None = None
    benchmark: str = "auto"
    group_by: str | None = None
    columns: str | None = None
    image_engine: str = "torch"
    margin: float = 0.0


def describe(dataset: ImageDataset | FeatureSet) -> str:
    """How many images, classes and domains there are, in words."""
    if dataset.domains is None:
        domains = "domains unknown"
    else:
        names = dataset.domain_names
        domains = f"{count(len(names), 'domain')} ({some(names, limit=8)})"
    classes = count(len(dataset.class_names), "class", "classes")
    return f"{count(len(dataset), 'image')}, {classes}, {domains}"
