"""Trees of tensors and plain values on disk: safetensors, nothing pickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ldpf.errors import ModelError
from ldpf.utils.files import write_bytes
from ldpf.utils.paths import require_plain

Tree = dict[str, Any]
"""Nested dictionaries with string keys; leaves are tensors or what JSON can hold."""


def save_tree(path: Path, tree: Tree) -> None:
    """Write a tree so that a reader sees the old file or the new one, never a part.

    Keys must be strings without "/".
    """
    tensors: dict[str, torch.Tensor] = {}
    plain = json.dumps(_split(tree, "", tensors))
    write_tensors(path, tensors, {"tree": plain, "sha256": _digest(plain, tensors)})


def write_tensors(
    path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None
) -> None:
    """Write a safetensors file whole or not at all, readable for whom the umask lets read."""
    write_bytes(path, save(tensors, metadata))


def load_tree(path: Path) -> Tree:
    """Read what `save_tree` wrote. Nothing is unpickled.

    Raises:
        ModelError: the file is damaged, was changed, or was not written by `save_tree`.
    """
    try:
        require_plain(path)
        with safe_open(path, framework="pt") as handle:
            metadata = handle.metadata() or {}
            plain = metadata["tree"]
            tensors = {key: handle.get_tensor(key) for key in handle.keys()}  # noqa: SIM118
        if metadata.get("sha256") != _digest(plain, tensors):
            raise ValueError("its digest does not fit its content")
        tree = json.loads(plain)
        for key, tensor in tensors.items():
            *parents, leaf = key.split("/")
            node = tree
            for part in parents:
                node = node[part]
            node[leaf] = tensor
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise ModelError(
            f"The file {str(path)!r} is damaged or not a checkpoint of this library ({error}); "
            "delete it to start this run again."
        ) from error
    return tree


def _digest(plain: str, tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of all plain values and tensors: names, types, shapes and bits."""
    digest = hashlib.sha256(plain.encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _split(node: Tree, prefix: str, tensors: dict[str, torch.Tensor]) -> Tree:
    plain: Tree = {}
    for key, value in node.items():
        if isinstance(value, torch.Tensor):
            tensors[prefix + key] = value.detach().cpu().contiguous().clone()
        elif isinstance(value, dict):
            plain[key] = _split(value, f"{prefix}{key}/", tensors)
        else:
            plain[key] = value
    return plain
