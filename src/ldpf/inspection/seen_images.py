"""What a trained model keeps of the images it was trained on, to recognize them later.

Each image leaves the digest of its file, its path and a short code of its features: at most 256
bytes. Pictures cannot be drawn again from them. They lie beside the log of the training and are
not part of the model: `save`, `push_to_hub` and a copied model leave them out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ldpf.features.feature_set import FeatureSet
from ldpf.utils.constraints import Text
from ldpf.utils.files import write_bytes
from ldpf.utils.schema import ListOf, check_content

CODE_SIZE = 256
"""Numbers of a code. Longer features are projected at random: squared distances change by about
``sqrt(2 / 256)`` of themselves, 9 % (Johnson & Lindenstrauss, 1984)."""

_FORMAT = "ldpf-seen-images-1"


def write_seen_images(file: Path, data: FeatureSet, seed: int = 0) -> None:
    """Keep what `read_seen_images` needs of N images.

    Args:
        file: written whole or not at all; its folder must exist.
        data: the images.
        seed: of the projection.
    """
    size = data.features.shape[1]
    projection = torch.eye(size)
    if size > CODE_SIZE:
        draw = torch.randn(size, CODE_SIZE, generator=torch.Generator().manual_seed(seed))
        projection = torch.linalg.qr(draw).Q  # orthonormal columns
    codes = F.normalize(data.features @ projection, dim=1)
    scales = codes.abs().amax(dim=1).clamp(min=1e-12) / 127
    tensors = {
        "codes": (codes / scales[:, None]).round().to(torch.int8),
        "scales": scales,
        "labels": data.labels.contiguous(),
        "paths": _bytes(b"\0".join(map(os.fsencode, data.paths))),
    }
    if size > CODE_SIZE:
        tensors["projection"] = projection.contiguous()
    if data.contents is not None:
        tensors["contents"] = torch.from_numpy(np.ascontiguousarray(data.contents))
    metadata = {"format": _FORMAT, "class_names": json.dumps(data.class_names)}
    write_bytes(file, save(tensors, metadata))


def copy_seen_images(file: Path, to: Path, renamed: Mapping[str, str]) -> None:
    """Copy what `write_seen_images` kept, with some classes under other names.

    Args:
        file: may be missing or unreadable; then nothing is written.
        to: its folder must exist.
        renamed: new names by the old ones.
    """
    try:
        with safe_open(file, framework="pt") as stored:
            metadata = dict(stored.metadata() or {})
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        names = _class_names(metadata)
    except (OSError, SafetensorError, ValueError):
        return
    metadata["class_names"] = json.dumps([renamed.get(name, name) for name in names])
    write_bytes(to, save(tensors, metadata))


def read_seen_images(file: Path, asked: FeatureSet) -> tuple[FeatureSet, FeatureSet] | None:
    """New images and those in the file, with codes in the place of features.

    Args:
        file: from `write_seen_images`.
        asked: new images, features of the same backbone.

    Returns:
        `asked` and the images seen, fit for `ldpf.inspection.leaks.find_leak`; None where there is
        no file, or one that cannot be read.
    """
    try:
        with safe_open(file, framework="pt") as stored:
            metadata = stored.metadata() or {}
            if metadata.get("format") != _FORMAT:
                return None
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        names = _class_names(metadata)
        _check_tensors(tensors, asked)
    except (OSError, SafetensorError, ValueError):
        return None
    paths = tensors["paths"].numpy().tobytes().split(b"\0")
    contents = tensors.get("contents")
    seen = FeatureSet(
        features=F.normalize(tensors["codes"].float() * tensors["scales"][:, None], dim=1),
        labels=tensors["labels"],
        domains=None,
        class_names=names,
        domain_names=(),
        paths=tuple(os.fsdecode(path) for path in paths),
        contents=None if contents is None else contents.numpy(),
    )
    projection = tensors.get("projection")
    if projection is not None:
        asked = replace(asked, features=F.normalize(asked.features @ projection, dim=1))
    return asked, seen


def _class_names(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Those that the file keeps; raises ValueError where it keeps none."""
    try:
        names = json.loads(metadata.get("class_names", "null"))
    except RecursionError as error:
        raise ValueError("lists in lists") from error
    check_content(names, ListOf(Text(), at_least=1), "class_names")
    return tuple(names)


def _check_tensors(tensors: Mapping[str, Tensor], asked: FeatureSet) -> None:
    """Raise ValueError where they are not of one size, or of other features than those asked."""
    if missing := {"codes", "scales", "labels", "paths"} - tensors.keys():
        raise ValueError(f"there is no {min(missing)}")
    codes, projection = tensors["codes"], tensors.get("projection")
    known = asked.features.shape[1] if projection is None else projection.shape[-1]
    if codes.ndim != 2 or codes.shape[1] != known:
        raise ValueError(f"the codes have the shape {tuple(codes.shape)}")
    n = len(codes)
    rows = [tensors["scales"], tensors["labels"], tensors.get("contents", tensors["labels"])]
    if any(len(one) != n for one in rows):
        raise ValueError("the tensors are not of one length")
    if projection is not None and projection.shape[0] != asked.features.shape[1]:
        raise ValueError(f"the projection has the shape {tuple(projection.shape)}")


def _bytes(content: bytes) -> Tensor:
    return torch.from_numpy(np.frombuffer(content, np.uint8).copy())
