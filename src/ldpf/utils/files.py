"""Trees of tensors and plain values on disk: safetensors, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ldpf.errors import ModelError, SettingsError

Tree = dict[str, Any]
"""Nested dictionaries with string keys; leaves are tensors or what JSON can hold."""


def save_tree(path: Path, tree: Tree) -> None:
    """Write a tree so that a reader sees the old file or the new one, never a part.

    Keys must be strings without "/".
    """
    tensors: dict[str, torch.Tensor] = {}
    plain = _split(tree, "", tensors)
    write_tensors(path, tensors, {"tree": json.dumps(plain)})


def write_tensors(
    path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None
) -> None:
    """Write a safetensors file whole or not at all, readable for whom the umask lets read."""
    _write(path, save(tensors, metadata))


def load_tree(path: Path) -> Tree:
    """Read what `save_tree` wrote. Nothing is unpickled.

    Raises:
        ModelError: the file is damaged or was not written by `save_tree`.
    """
    try:
        with safe_open(path, framework="pt") as handle:
            tree = json.loads((handle.metadata() or {})["tree"])
            for key in handle.keys():  # noqa: SIM118 - not a dictionary
                *parents, leaf = key.split("/")
                node = tree
                for part in parents:
                    node = node[part]
                node[leaf] = handle.get_tensor(key)
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError) as error:
        raise ModelError(
            f"The file {str(path)!r} is damaged or not a checkpoint of this library ({error}); "
            "delete it to start this run again."
        ) from error
    return tree


def write_json(path: Path, content: Any) -> None:
    """Write JSON for people to read, whole or not at all."""
    _write(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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


def settings_hash(settings: dict[str, Any]) -> str:
    """Sixteen hex digits that name a run; equal settings give equal digits on every machine."""
    canonical = json.dumps(settings, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def new_folder(folder: Path, option: str = "--out") -> Path:
    """Create an output folder.

    Raises:
        SettingsError: it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"The folder {str(folder)!r} cannot be made ({error.strerror or error}); give another "
            f"one with {option}."
        ) from error
    return folder


def check_own_folder(folder: Path, marks: tuple[str, ...], what: str) -> None:
    """Refuse to write into a folder with other people's files.

    Args:
        folder: where results are to go; it need not exist.
        marks: names of which one at least shows that the folder is ours.
        what: what it would hold if it were, for the message.

    Raises:
        SettingsError: `folder` is a file, or holds files but none of `marks`.
    """
    if folder.is_file():
        raise SettingsError(f"{str(folder)!r} is a file; give a folder with --out.")
    ours = any((folder / mark).exists() for mark in marks)
    if folder.is_dir() and not ours and any(folder.iterdir()):
        raise SettingsError(
            f"The folder {str(folder)!r} is not empty and holds no {what}; give a new folder with "
            "--out so that nothing of yours is overwritten."
        )
