"""The layout of a model folder and its config.json; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ldpf.errors import ModelError
from ldpf.models.base import CLASSIFIERS
from ldpf.models.config_schema import CONFIG_SCHEMA
from ldpf.utils.files import file_digest
from ldpf.utils.json_files import read_json, read_json_or_none
from ldpf.utils.own_folders import is_empty
from ldpf.utils.schema import first_problem
from ldpf.utils.text import quoted
from ldpf.version import __version__

FORMAT_VERSION = 2
"""Version of the folder's layout."""

READABLE = (1, 2)
"""Versions that are read; another one is refused. Version 1 knew one kind of classifier."""

CONFIG = "config.json"
"""File without which a folder is no model."""

TENSORS = "model.safetensors"
"""File with what was learned."""

DIGEST = "tensors_sha256"
"""Field of config.json with the SHA-256 of the tensors; models of version 1 have none."""

_KEYS = ("kind", "method", "class_names", "n_classes", "backbone", "n_domains", "per_image")


def require_model_folder(folder: Path) -> Path:
    """The path of a model folder's config.json; see also `interrupted_save`.

    Raises:
        ModelError: there is none.
    """
    path = interrupted_save(folder) or folder / CONFIG
    if not path.is_file():
        raise ModelError(
            f"{str(folder)!r} is no model folder: it has no {CONFIG}. 'ldpf train --out FOLDER' "
            "makes one."
        )
    return path


def interrupted_save(folder: Path) -> Path | None:
    """The config.json of a save that was killed after its tensors had their name and before it had.

    Without it, the old description and the new tensors would be two models that fit no more.
    """
    waiting = sorted(folder.glob(f".{CONFIG}-*.tmp"))
    for path in waiting:
        content = read_json_or_none(path)
        expected = content.get(DIGEST) if isinstance(content, dict) else None
        if expected is not None and expected == file_digest(folder / TENSORS):
            return path
    return None


def finish_interrupted_save(folder: Path) -> None:
    """Give such a config.json its name; only for who holds the folder's lock."""
    if (path := interrupted_save(folder)) is not None:
        path.replace(folder / CONFIG)


def check_output_folder(folder: Path) -> None:
    """Refuse to write a model where other things lie.

    Raises:
        ModelError: `folder` is a file, or holds files but no model of this library.
    """
    if folder.is_file():
        raise ModelError(f"{str(folder)!r} is a file; give a folder for the model.")
    ours = (folder / CONFIG).exists() or interrupted_save(folder) is not None
    if folder.is_dir() and not ours and not is_empty(folder):
        raise ModelError(
            f"The folder {str(folder)!r} is not empty and holds no model; give a new folder so "
            "that nothing of yours is overwritten."
        )


def read_config(folder: Path) -> dict[str, Any]:
    """The checked config.json of a model folder.

    Raises:
        ModelError: there is none, it is damaged, of an unknown version, or names another number of
            classes than the model has.
    """
    path = require_model_folder(folder)
    config = read_json(path, "the description of the model", "train again", error=ModelError)
    version = config.get("format_version") if isinstance(config, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version not in READABLE:
        raise ModelError(
            f"The model in {str(folder)!r} has format version {quoted(version)}, but this library "
            f"({__version__}) reads versions {', '.join(map(str, READABLE))}; use the version that "
            f"wrote it "
            f"({_version_of(config)})."
        )
    if version == 1:
        config = {"kind": "prompt", "per_image": True, **config}
    elif DIGEST not in config:
        raise ModelError(
            f"{str(path)!r} lacks {DIGEST}, without which nothing shows that {TENSORS} is of the "
            "same model; the file was changed, or written by an early 0.2.0. Train again."
        )
    kind = config.get("kind")
    if kind is not None and not (isinstance(kind, str) and kind in CLASSIFIERS):
        raise ModelError(
            f"The model in {str(folder)!r} is of the kind {quoted(kind)}, but this library knows "
            f"{', '.join(CLASSIFIERS)}; install the package that trained it."
        )
    own = CLASSIFIERS.facts(kind).get("keys", ()) if kind else ()
    missing = [key for key in (*_KEYS, *own) if key not in config]
    if missing:
        raise ModelError(
            f"{str(path)!r} lacks {', '.join(missing)}; the file was changed or cut. Train again."
        )
    if (problem := first_problem("", config, CONFIG_SCHEMA)) is not None:
        raise ModelError(
            f"Cannot read the description of the model in {str(path)!r} ({problem}); the file was "
            "changed. Copy or train the model again."
        )
    if len(config["class_names"]) != config["n_classes"]:
        raise ModelError(
            f"{str(path)!r} names {len(config['class_names'])} classes, but the model has "
            f"{config['n_classes']}; a class may be renamed, but none added or removed. Train "
            "again."
        )
    return config


def _version_of(config: Any) -> str:
    """The library that wrote a config.json, as far as it says so."""
    version = config.get("library_version") if isinstance(config, dict) else None
    return version[:80] if isinstance(version, str) else "unknown"
