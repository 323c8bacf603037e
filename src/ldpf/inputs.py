"""Whatever a person has, as image features: features, files, PIL images or arrays of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from ldpf.backbones import Backbone
from ldpf.data.images import bad_images_message, BadImage
from ldpf.encoding import stream_features
from ldpf.errors import DataError

_IMAGES_AT_ONCE = 16


def to_features(inputs: Any, backbone: Backbone) -> torch.Tensor:
    """Image features of any supported input.

    Args:
        inputs: one of

            - features: a float array or tensor [N, D], normalised here;
            - paths: a sequence of `str` or `Path`;
            - images: a sequence of PIL images, or of uint8 arrays [H, W] or [H, W, 3];
            - pixels: one uint8 array [N, H, W, 3].

    Returns:
        [N, D] float32 of length one.

    Raises:
        DataError: inputs are empty, of another kind, of another D than the backbone's, not finite,
            or name files that cannot be read.
    """
    if isinstance(inputs, (str, Path, Image.Image)):
        raise DataError(
            f"A single {type(inputs).__name__} was given; give a list, even of one: [{inputs!r}]."
        )
    if len(inputs) == 0:
        raise DataError("There are no inputs; give at least one image, path or feature row.")
    if isinstance(inputs, torch.Tensor):
        inputs = inputs.detach().cpu().numpy()
    if isinstance(inputs, np.ndarray) and inputs.ndim == 2 and inputs.dtype.kind in "fiub":
        return _check_features(inputs, backbone)
    first = inputs[0]
    if isinstance(first, (str, Path)):
        return _encode_paths([Path(item) for item in inputs], backbone)
    if isinstance(first, (Image.Image, np.ndarray)):
        return _encode_images(inputs, backbone)
    if isinstance(first, (list, tuple)):
        return _check_features(np.asarray(inputs), backbone)
    raise DataError(
        f"Inputs of type {type(first).__name__} are not understood; give features [N, D], paths, "
        "PIL images, or uint8 pixels [N, H, W, 3]."
    )


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
    features = torch.from_numpy(array.astype(np.float32))
    wrong = ~torch.isfinite(features).all(dim=1) | (features.abs().sum(dim=1) == 0)
    if wrong.any():
        raise DataError(
            f"Feature row {int(wrong.nonzero()[0])} holds NaN or infinite values, or zeros only "
            f"({int(wrong.sum())} such rows); an image feature is finite and not zero."
        )
    return F.normalize(features, dim=-1)


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


def _encode_images(images: Sequence[Any], backbone: Backbone) -> torch.Tensor:
    parts = []
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        chunk = [_to_rgb(image) for image in images[start : start + _IMAGES_AT_ONCE]]
        parts.append(backbone.encode_images(backbone.preprocess(chunk)))
    return torch.cat(parts)


def _to_rgb(image: Any) -> Image.Image:
    if isinstance(image, Image.Image):
        return image.convert("RGB")
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim not in (2, 3):
        kind = (
            f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        )
        raise DataError(
            f"An image is a PIL image or a uint8 array [H, W, 3] or [H, W]; got {kind}. Scale "
            "floats to 0-255 and convert them with .astype('uint8')."
        )
    return Image.fromarray(image).convert("RGB")
