"""From folders or a manifest to a dataset: paths, class ids, domains where known, splits."""

from ldpf.data.adapters import from_arrays, from_embeddings, from_huggingface, from_torch
from ldpf.data.class_names import readable_name
from ldpf.data.dataset import ImageDataset, check_dataset, require_trainable
from ldpf.data.embeddings import EmbeddedImages
from ldpf.data.image_files import iter_image_files
from ldpf.data.images import (
    IMAGE_ENDINGS,
    MAX_PIXELS,
    BadImage,
    UnreadableImageError,
    bad_images_message,
    check_images,
    read_image,
)
from ldpf.data.in_memory import LabelledImages
from ldpf.data.load import load_dataset
from ldpf.data.splits import Split, make_split, split_train_validation

__all__ = [
    "IMAGE_ENDINGS",
    "MAX_PIXELS",
    "BadImage",
    "EmbeddedImages",
    "ImageDataset",
    "LabelledImages",
    "Split",
    "UnreadableImageError",
    "bad_images_message",
    "check_dataset",
    "check_images",
    "from_arrays",
    "from_embeddings",
    "from_huggingface",
    "from_torch",
    "iter_image_files",
    "load_dataset",
    "make_split",
    "read_image",
    "readable_name",
    "require_trainable",
    "split_train_validation",
]
