"""Images of a new site, whose labels may be unknown."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ldpf.data import ImageDataset, image_endings, iter_image_files
from ldpf.data.boxes import split_box
from ldpf.data.columns import parse_columns
from ldpf.data.left_out import LeftOut
from ldpf.data.manifest import list_unlabeled_rows
from ldpf.data.saved_datasets import is_saved_dataset
from ldpf.data.tables import MANIFEST_ENDINGS
from ldpf.errors import DataError
from ldpf.utils.paths import full_path
from ldpf.utils.text import some
from ldpf.utils.ways import named
from ldpf.workflows.evaluation import check_classes
from ldpf.workflows.given_images import find_images, no_images_error
from ldpf.workflows.inputs import Images, ListedImages, list_images
from ldpf.workflows.source import DataSource

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet

log = logging.getLogger("ldpf")

SitePaths: TypeAlias = "str | Path | DataSource | Sequence[str | Path | DataSource]"
"""Where photos of a site are: a path, or several, perhaps with the way to read them."""

Photos: TypeAlias = "SitePaths | ImageDataset"
"""Photos of a site whose labels nobody looks at: where they are, or a dataset listed already."""

UNLABELED = "unlabeled"
"""The one class of images whose class is unknown."""


@dataclass(frozen=True)
class ListedPhotos:
    """Images of a new site; none is opened yet.

    Attributes:
        images: those to encode; with labels, only the rows marked test where some are.
        labeled: whether their labels are known.
    """

    images: ListedImages
    labeled: bool

    def encode(self, backbone: Backbone, class_names: Sequence[str]) -> FeatureSet:
        """Their features; class ids are the model's where labels are known."""
        features = self.images.encode(backbone).features
        return features.with_classes_of(class_names) if self.labeled else features


def list_photos(data: Images, class_names: Sequence[str], model: Path) -> ListedPhotos:
    """List images with labels where they have any of the model's classes, else without.

    Args:
        data: labeled images, or a folder or file of images without labels.
        class_names: of the model.
        model: its folder, for messages.

    Raises:
        DataError: there are no images, or some are of classes that the model does not have.
    """
    try:
        images = list_images(data)
    except DataError:
        if isinstance(data, ImageDataset):
            raise
        source = data if isinstance(data, DataSource) else DataSource(data)
        path = full_path(source.source)
        if not path.is_dir() and path.suffix.lower() not in image_endings():
            raise
        return ListedPhotos(list_unlabeled(source), labeled=False)
    dataset = images.dataset
    present = [dataset.class_names[k] for k in np.unique(dataset.labels)]
    if not set(present) & set(class_names):
        log.warning(
            "none of the classes in %s (%s) is one of the model's, so the images count as "
            "unlabeled; %s renames classes",
            images.source.source,
            some(present, limit=5),
            named("class_names"),
        )
        labels = np.zeros(len(dataset), np.int64)
        unlabeled = replace(dataset, labels=labels, class_names=(UNLABELED,), splits=None)
        return ListedPhotos(replace(images, dataset=unlabeled), labeled=False)
    check_classes(dataset, class_names, model)
    if dataset.splits is not None and (dataset.splits == "test").any():
        images = replace(images, dataset=dataset.subset(dataset.splits == "test"))
    return ListedPhotos(images, labeled=True)


def list_site(photos: Photos, listed: Iterable[bytes] = ()) -> ListedImages:
    """List the photos of a site whose labels nobody looks at: of any classes, or of none.

    Args:
        photos: folders with everything below them, images, tables with a column path (of one with a
            split column, the rows marked test, where there are some), "-" for paths that are
            listed; or a dataset, or a name such as "demo".
        listed: lines with a path each, as standard input has them.

    Raises:
        DataError: there are none, or a path does not exist.
    """
    if isinstance(photos, ImageDataset):
        return _test_rows(list_images(photos))
    sources = sources_of(photos)
    paths = [str(source.source) for source in sources]
    if len(paths) == 1 and _other_source(paths[0]):
        return _test_rows(list_images(sources[0]))
    left_out = LeftOut()
    files: dict[Path, None] = {}  # each once, in their order
    for path, source in zip(paths, sources, strict=True):
        table = full_path(path)
        if table.suffix.lower() in MANIFEST_ENDINGS and table.is_file():
            files |= dict.fromkeys(_rows_of(table, source))
        else:
            given = path if path == "-" else str(table)
            files |= dict.fromkeys(find_images([given], listed, left_out))
    if not files:
        raise no_images_error(paths, left_out)
    left_out.say()
    return _unlabeled(list(files), sources[0], full_path(paths[0]) if len(paths) == 1 else None)


def sources_of(photos: SitePaths) -> list[DataSource]:
    """How each path of photos is read, one or more.

    Raises:
        DataError: there is none.
    """
    given = [photos] if isinstance(photos, str | Path | DataSource) else list(photos)
    if not given:
        raise DataError("photos=[] should hold one path or more; give photos of the new site.")
    return [one if isinstance(one, DataSource) else DataSource(one) for one in given]


def _other_source(path: str) -> bool:
    """Whether a path is no file or folder of pictures, but a name or a dataset on disk."""
    if path == "-" or split_box(path)[1] is not None:
        return False
    full = full_path(path)
    return not full.exists() or is_saved_dataset(full)


def _rows_of(table: Path, source: DataSource) -> list[Path]:
    """The images in a table; of one with a split column, those marked test, if there are some."""
    paths, splits = list_unlabeled_rows(table, parse_columns(source.columns), source.margin)
    if splits is None or not (splits == "test").any():
        return paths
    return list(itertools.compress(paths, splits == "test"))


def _test_rows(images: ListedImages) -> ListedImages:
    splits = images.dataset.splits
    if splits is None or not (splits == "test").any():
        return images
    return replace(images, dataset=images.dataset.subset(splits == "test"))


def list_unlabeled(source: DataSource) -> ListedImages:
    """All images of a file or folder, of the one class `UNLABELED`.

    Raises:
        DataError: there are none.
    """
    path = full_path(source.source).absolute()
    left_out = LeftOut()
    files = list(iter_image_files(path, left_out=left_out))
    if not files:
        raise no_images_error([str(source.source)], left_out)
    left_out.say()
    return _unlabeled(files, source, path)


def _unlabeled(
    files: Sequence[Path], source: DataSource, folder: Path | None = None
) -> ListedImages:
    """Images of the one class `UNLABELED`, by their places below the folder that holds them all."""
    full = [os.path.abspath(file) for file in files]  # noqa: PTH100 (a box may stand behind it)
    if folder is not None and folder.is_dir():
        root = folder.absolute()
    else:
        root = Path(os.path.commonpath([os.path.dirname(file) for file in full]))  # noqa: PTH120
    paths = tuple(os.path.relpath(file, root) for file in full)
    labels = np.zeros(len(paths), np.int64)
    return ListedImages(ImageDataset(root.name, root, paths, labels, (UNLABELED,)), source)
