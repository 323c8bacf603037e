"""What makes a folder a model folder; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path

from ldpf.errors import ModelError

CONFIG = "config.json"
"""File without which a folder is no model."""


def require_model_folder(folder: Path) -> Path:
    """The path of a model folder's config.json.

    Raises:
        ModelError: there is none.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise ModelError(
            f"{str(folder)!r} is no model folder: it has no {CONFIG}. 'ldpf train --out FOLDER' "
            "makes one."
        )
    return path
