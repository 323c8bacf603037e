"""Images of a new site, whose labels may be unknown."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ldpf.data import ImageDataset, image_endings, iter_image_files
from ldpf.errors import DataError
from ldpf.utils.paths import full_path
from ldpf.utils.text import some
from ldpf.workflows.evaluation import check_classes
from ldpf.workflows.inputs import Images, ListedImages, list_images
from ldpf.workflows.source import DataSource

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet

log = logging.getLogger("ldpf")

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
            "unlabeled; --class-names renames classes",
            images.source.source,
            some(present, limit=5),
        )
        labels = np.zeros(len(dataset), np.int64)
        unlabeled = replace(dataset, labels=labels, class_names=(UNLABELED,), splits=None)
        return ListedPhotos(replace(images, dataset=unlabeled), labeled=False)
    check_classes(dataset, class_names, model)
    if dataset.splits is not None and (dataset.splits == "test").any():
        images = replace(images, dataset=dataset.subset(dataset.splits == "test"))
    return ListedPhotos(images, labeled=True)


def list_site(data: Images) -> ListedImages:
    """List the photos of a site whose labels nobody looks at: of any classes, or of none.

    Args:
        data: a folder with everything below it, an image, a table (of one with a split column, the
            rows marked test, where there are some), or a dataset.

    Raises:
        DataError: there are none.
    """
    if not isinstance(data, ImageDataset):
        source = data if isinstance(data, DataSource) else DataSource(data)
        path = full_path(source.source)
        if path.is_dir() or path.suffix.lower() in image_endings():
            return list_unlabeled(source)
    images = list_images(data)
    splits = images.dataset.splits
    if splits is not None and (splits == "test").any():
        images = replace(images, dataset=images.dataset.subset(splits == "test"))
    return images


def list_unlabeled(source: DataSource) -> ListedImages:
    """All images of a file or folder, of the one class `UNLABELED`.

    Raises:
        DataError: there are none.
    """
    path = full_path(source.source).absolute()
    root = path if path.is_dir() else path.parent
    files = list(iter_image_files(path))
    if not files:
        raise DataError(
            f"There are no images in {source.source}; images end in "
            f"{', '.join(sorted(image_endings()))}."
        )
    paths = tuple(Path(file).absolute().relative_to(root).as_posix() for file in files)
    labels = np.zeros(len(paths), np.int64)
    return ListedImages(ImageDataset(root.name, root, paths, labels, (UNLABELED,)), source)
