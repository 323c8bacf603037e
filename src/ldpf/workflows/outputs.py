"""Where results may go: not below the images, or the next listing takes them for a class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ldpf.data.image_files import check_outside
from ldpf.utils.paths import full_path
from ldpf.utils.ways import named
from ldpf.workflows.source import DataSource

if TYPE_CHECKING:
    from ldpf.workflows.inputs import Images, ListedImages


def image_folder(data: Images | ListedImages) -> Path | None:
    """The folder that is walked for images; None for the demo set, a manifest or another list."""
    if not isinstance(data, str | Path | DataSource):
        return data.walked
    source = data.source if isinstance(data, DataSource) else data
    if source == "demo":
        return None
    folder = full_path(source)
    return folder if folder.is_dir() else None


def check_outputs(
    data: Images | ListedImages | None, outputs: Mapping[str, str | Path | None]
) -> None:
    """Refuse to write into the folder of the images, or below it; nothing is read or written.

    Args:
        data: the images, or None for none.
        outputs: files and folders to write by the argument that names them; None are skipped.

    Raises:
        SettingsError: one of them lies there; see `check_outside`.
    """
    folders = [] if data is None else [image_folder(data)]
    for option, out in outputs.items():
        if out is not None:
            check_outside(out, folders, named(option))
