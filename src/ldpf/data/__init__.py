"""From folders or a manifest to a dataset: paths, class ids, domains where known, splits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ldpf.utils.lazy import lazy_names

if TYPE_CHECKING:
    from ldpf.data.adapters import from_arrays, from_embeddings, from_huggingface, from_torch
    from ldpf.data.dataset import ImageDataset, check_dataset, require_trainable
    from ldpf.data.embeddings import EmbeddedImages
    from ldpf.data.formats import IMAGE_ENDINGS, image_endings
    from ldpf.data.image_files import iter_image_files
    from ldpf.data.images import (
        MAX_PIXELS,
        BadImage,
        UnreadableImageError,
        bad_images_message,
        check_images,
        read_image,
    )
    from ldpf.data.in_memory import LabeledImages
    from ldpf.data.load import load_dataset
    from ldpf.data.reading_names import readable_name
    from ldpf.data.splits import Split, make_split, split_train_validation

# Imported when asked for: the command line knows the names of data sets without numpy or Pillow.
_HOMES = {
    "BadImage": ".images",
    "EmbeddedImages": ".embeddings",
    "IMAGE_ENDINGS": ".formats",
    "ImageDataset": ".dataset",
    "LabeledImages": ".in_memory",
    "MAX_PIXELS": ".images",
    "Split": ".splits",
    "UnreadableImageError": ".images",
    "bad_images_message": ".images",
    "check_dataset": ".dataset",
    "check_images": ".images",
    "from_arrays": ".adapters",
    "from_embeddings": ".adapters",
    "from_huggingface": ".adapters",
    "from_torch": ".adapters",
    "image_endings": ".formats",
    "iter_image_files": ".image_files",
    "load_dataset": ".load",
    "make_split": ".splits",
    "read_image": ".images",
    "readable_name": ".reading_names",
    "require_trainable": ".dataset",
    "split_train_validation": ".splits",
}

__all__ = [
    "IMAGE_ENDINGS",
    "MAX_PIXELS",
    "BadImage",
    "EmbeddedImages",
    "ImageDataset",
    "LabeledImages",
    "Split",
    "UnreadableImageError",
    "bad_images_message",
    "check_dataset",
    "check_images",
    "from_arrays",
    "from_embeddings",
    "from_huggingface",
    "from_torch",
    "image_endings",
    "iter_image_files",
    "load_dataset",
    "make_split",
    "read_image",
    "readable_name",
    "require_trainable",
    "split_train_validation",
]

__getattr__ = lazy_names(__name__, _HOMES)
