"""Convert features, files, PIL images or arrays of pixels to image features."""

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
from ldpf.data.images import BadImage, UnreadableImageError, bad_images_message
from ldpf.data.in_memory import LabeledImages
from ldpf.data.pictures_in_memory import pictures_of, to_picture
from ldpf.data.poor_pictures import PoorPictures, why_poor
from ldpf.demo.dataset import is_demo
from ldpf.errors import DataError
from ldpf.features.encode import stream_features
from ldpf.features.engines.choose import DEFAULT as DEFAULT_ENGINE
from ldpf.features.extract import extract_features
from ldpf.features.feature_set import FeatureSet
from ldpf.utils.arrays import as_sequence, holds_text, is_frame, not_understood, unit_rows
from ldpf.utils.progress import progress_bar

_IMAGES_AT_ONCE = 16


def to_features(inputs: Any, backbone: Backbone, *, progress: bool = False) -> torch.Tensor:
    """Image features of any supported input.

    Args:
        inputs: one of

            - features: a float array or tensor [N, D], normalized here;
            - paths: a sequence of `str` or `Path`;
            - images: a sequence of anything that `ldpf.data.pictures_in_memory.to_picture` takes
              (PIL images, arrays, tensors, paths, bytes of files), also mixed;
            - pixels: one array [N, H, W, C], [N, C, H, W] or [N, H, W], uint8, uint16 or floats
              from 0 to 1.

            Columns and tables of pandas work like arrays. PIL images are turned upright and
            brought to RGB as files are.
        backbone: that encodes images.
        progress: show a progress bar on stderr while images are encoded.

    Returns:
        [N, D] float32 of length one.

    Raises:
        DataError: inputs are empty, of another kind, of another D than the backbone's, not finite,
            or name files that cannot be read.
    """
    inputs = as_sequence(inputs)
    if isinstance(inputs, np.ndarray) and inputs.ndim == 2 and inputs.dtype.kind in "fiub":
        return _check_features(inputs, backbone)
    if all(isinstance(item, str | Path) for item in inputs):
        return _encode_paths([Path(item) for item in inputs], backbone, progress)
    first = inputs[0]
    if _is_row(first):
        try:
            table = np.asarray(inputs)
        except ValueError as error:
            raise DataError(
                "Features should be a table of numbers [N, D]; these rows differ in length."
            ) from error
        if table.ndim < 3:
            return _check_features(table, backbone)
    if isinstance(first, int | float | np.number):
        raise DataError(not_understood(first))
    return _encode_pictures(pictures_of(inputs), backbone, progress)


def features_and_style(
    inputs: Any, backbone: Backbone, *, progress: bool = False
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Image features [N, D] as `to_features` has them, and style statistics [N, E].

    Returns:
        Both; None for the second where inputs are features, which hold no style.
    """
    if may_be_table(inputs):
        return to_features(inputs, backbone), None
    styled: Any = StyledBackbone(backbone)
    both = to_features(inputs, styled, progress=progress)
    return both[:, : backbone.embed_dim].contiguous(), both[:, backbone.embed_dim :].contiguous()


def brings_labels(inputs: Any) -> bool:
    """Whether inputs are images or features with labels, which `labeled_features` takes."""
    return isinstance(inputs, (FeatureSet, ImageDataset, LabeledImages))


def labeled_features(
    inputs: FeatureSet | ImageDataset | LabeledImages,
    backbone: Backbone,
    *,
    style: bool = False,
    progress: bool = False,
    image_engine: str = DEFAULT_ENGINE,
) -> FeatureSet:
    """Features of a set of images that brings its labels; images of files go through the cache.

    `style` asks for style statistics too, which a feature set has or has not. `image_engine`
    computes the image tower on a CPU, see `with_engine`.

    Raises:
        DataError: images cannot be read, or features are of another D than the backbone's.
    """
    if not isinstance(inputs, FeatureSet):
        return extract_features(
            inputs, backbone, progress=progress, style=style, image_engine=image_engine
        )
    return replace(inputs, features=_check_features(inputs.features.numpy(), backbone))


def may_be_table(inputs: Any) -> bool:
    """Whether inputs could be a table of features; else they are images, or nothing known here."""
    if is_frame(inputs):
        return not holds_text(inputs)
    if isinstance(inputs, (str, bytes, Path, Image.Image, Mapping)):
        return False
    n_axes = getattr(inputs, "ndim", 1)
    if n_axes != 1:
        return n_axes <= 2
    column: Any = inputs
    if hasattr(column, "to_numpy"):  # of pandas
        return may_be_table(column.to_numpy())
    if not isinstance(inputs, (Sequence, np.ndarray, torch.Tensor)):
        return hasattr(inputs, "__array__") or hasattr(inputs, "shape")
    if len(inputs) == 0:
        return False
    first = inputs[0]
    return isinstance(first, int | float | np.number) or _is_row(first)


def _is_row(first: Any) -> bool:
    """Whether an item is a row of a table: numbers or words in a line. Others are pictures."""
    if isinstance(first, list | tuple):
        return all(isinstance(one, int | float | np.number | str) for one in first)
    if isinstance(first, memoryview):
        return False  # the content of a file
    return hasattr(first, "dtype") and getattr(first, "ndim", None) == 1


def may_be_of_demo(inputs: Any) -> bool:
    """Whether inputs are of the drawn demo set, or features, which do not tell."""
    if isinstance(inputs, FeatureSet) or may_be_table(inputs):
        return True
    if isinstance(inputs, ImageDataset | LabeledImages):
        return isinstance(inputs, ImageDataset) and is_demo(inputs.root)
    first = next(iter(inputs), None)
    return isinstance(first, str | Path) and is_demo(first)


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


def _encode_paths(paths: list[Path], backbone: Backbone, progress: bool) -> torch.Tensor:
    rows, bad = [], []
    with progress_bar("encoding images", len(paths), enabled=progress) as advance:
        for path, feature, error in stream_features(paths, backbone):
            if feature is None:
                bad.append(BadImage(str(path), error or "cannot be read"))
            else:
                rows.append(feature)
            advance(1)
    if bad:
        raise DataError(bad_images_message(bad, len(paths), None))
    return torch.stack(rows)


def _encode_pictures(
    pictures: Sequence[Any] | np.ndarray, backbone: Backbone, progress: bool
) -> torch.Tensor:
    parts, bad, poor = [], [], PoorPictures()
    with progress_bar("encoding images", len(pictures), enabled=progress) as advance:
        for start in range(0, len(pictures), _IMAGES_AT_ONCE):
            chunk = []
            images = pictures[start : start + _IMAGES_AT_ONCE]
            for number, image in enumerate(images, start=start):
                try:
                    picture = to_picture(image, f"image {number}")
                except UnreadableImageError as error:
                    bad.append(BadImage(error.path, error.reason))
                    continue
                poor.add(f"image {number}", why_poor(picture))
                chunk.append(picture)
            if chunk and not bad:
                parts.append(backbone.encode_images(backbone.preprocess(chunk)))
            advance(len(images))
    if bad:
        raise DataError(bad_images_message(bad, len(pictures), None))
    poor.say()
    return torch.cat(parts)
