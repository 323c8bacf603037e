"""Whatever a person has, as image features: features, files, PIL images or arrays of pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ldpf.backbones import Backbone
from ldpf.backbones.styled import StyledBackbone
from ldpf.data.dataset import ImageDataset
from ldpf.data.images import BadImage, bad_images_message, rgb_image
from ldpf.data.in_memory import LabelledImages
from ldpf.data.poor_pictures import PoorPictures, why_poor
from ldpf.errors import DataError
from ldpf.features.encode import stream_features
from ldpf.features.extract import extract_features
from ldpf.features.feature_set import FeatureSet
from ldpf.utils.arrays import as_sequence, not_understood, unit_rows

_IMAGES_AT_ONCE = 16


def to_features(inputs: Any, backbone: Backbone) -> torch.Tensor:
    """Image features of any supported input.

    Args:
        inputs: one of

            - features: a float array or tensor [N, D], normalised here;
            - paths: a sequence of `str` or `Path`;
            - images: a sequence of PIL images, or of uint8 arrays [H, W] or [H, W, 3];
            - pixels: one uint8 array [N, H, W, 3].

            Columns and tables of pandas work like arrays. PIL images are turned upright and
            brought to RGB as files are.

    Returns:
        [N, D] float32 of length one.

    Raises:
        DataError: inputs are empty, of another kind, of another D than the backbone's, not finite,
            or name files that cannot be read.
    """
    inputs = as_sequence(inputs)
    if isinstance(inputs, np.ndarray) and inputs.ndim == 2 and inputs.dtype.kind in "fiub":
        return _check_features(inputs, backbone)
    first = inputs[0]
    if isinstance(first, (str, Path)):
        return _encode_paths([Path(item) for item in inputs], backbone)
    if isinstance(first, (Image.Image, np.ndarray)):
        return _encode_images(inputs, backbone)
    if isinstance(first, (list, tuple)):
        try:
            table = np.asarray(inputs)
        except ValueError as error:
            raise DataError(
                "Features should be a table of numbers [N, D]; these rows differ in length."
            ) from error
        return _check_features(table, backbone)
    raise DataError(not_understood(first))


def features_and_style(inputs: Any, backbone: Backbone) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Image features [N, D] as `to_features` has them, and style statistics [N, E].

    Returns:
        Both; None for the second where inputs are features, which hold no style.
    """
    if may_be_table(inputs):
        return to_features(inputs, backbone), None
    styled: Any = StyledBackbone(backbone)
    both = to_features(inputs, styled)
    return both[:, : backbone.embed_dim].contiguous(), both[:, backbone.embed_dim :].contiguous()


def brings_labels(inputs: Any) -> bool:
    """Whether inputs are images or features with labels, which `labelled_features` takes."""
    return isinstance(inputs, (FeatureSet, ImageDataset, LabelledImages))


def labelled_features(
    inputs: FeatureSet | ImageDataset | LabelledImages, backbone: Backbone, *, style: bool = False
) -> FeatureSet:
    """Features of a set of images that brings its labels; images of files go through the cache.

    `style` asks for style statistics too, which a feature set has or has not.

    Raises:
        DataError: images cannot be read, or features are of another D than the backbone's.
    """
    if not isinstance(inputs, FeatureSet):
        return extract_features(inputs, backbone, progress=False, style=style)
    return replace(inputs, features=_check_features(inputs.features.numpy(), backbone))


def may_be_table(inputs: Any) -> bool:
    """Whether inputs could be a table of features; else they are images, or nothing known here."""
    if isinstance(inputs, (np.ndarray, torch.Tensor)) and inputs.ndim != 1:
        return inputs.ndim <= 2
    if getattr(inputs, "ndim", 1) != 1:
        return True  # a table of pandas, say
    if isinstance(inputs, (str, Path, Image.Image, Mapping)):
        return False
    column: Any = inputs
    if hasattr(column, "to_numpy"):  # of pandas
        return may_be_table(column.to_numpy())
    if not isinstance(inputs, (Sequence, np.ndarray, torch.Tensor)):
        return hasattr(inputs, "__array__") or hasattr(inputs, "shape")
    first = next(iter(inputs), None)
    return not (isinstance(first, (str, Path, Image.Image)) or getattr(first, "ndim", 0) > 1)


def _check_features(array: np.ndarray, backbone: Backbone) -> torch.Tensor:
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise DataError(
            f"Features should be a table of numbers [N, D]; got shape {array.shape} of "
            f"{array.dtype}."
        )
    if array.shape[1] != backbone.embed_dim:
        raise DataError(
            f"n_features={array.shape[1]} should be {backbone.embed_dim}, the size of an image "
            f"feature of backbone {backbone.name!r}."
        )
    return unit_rows(array)


def _encode_paths(paths: list[Path], backbone: Backbone) -> torch.Tensor:
    rows, bad = [], []
    for path, feature, error in stream_features(paths, backbone):
        if feature is None:
            bad.append(BadImage(str(path), error or "cannot be read"))
        else:
            rows.append(feature)
    if bad:
        raise DataError(bad_images_message(bad, len(paths), None))
    return torch.stack(rows)


def _encode_images(images: Sequence[Any] | np.ndarray, backbone: Backbone) -> torch.Tensor:
    parts, poor = [], PoorPictures()
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        chunk = [_to_rgb(image) for image in images[start : start + _IMAGES_AT_ONCE]]
        for number, picture in enumerate(chunk, start=start):
            poor.add(f"image {number}", why_poor(picture))
        parts.append(backbone.encode_images(backbone.preprocess(chunk)))
    poor.say()
    return torch.cat(parts)


def _to_rgb(image: Any) -> Image.Image:
    if isinstance(image, Image.Image):
        return rgb_image(image)
    is_array = isinstance(image, np.ndarray)
    if not is_array or image.dtype != np.uint8 or not _shaped_like_an_image(image.shape):
        kind = f"{image.dtype} {image.shape}" if is_array else type(image).__name__
        raise DataError(
            f"An image is a PIL image or a uint8 array [H, W, 3] or [H, W]; got {kind}. Scale "
            "floats to 0-255 and convert them with .astype('uint8')."
        )
    return Image.fromarray(image).convert("RGB")


def _shaped_like_an_image(shape: tuple[int, ...]) -> bool:
    return 0 not in shape and (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3))
