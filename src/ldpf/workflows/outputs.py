"""Where results may go: not below the images, or the next listing takes them for a class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ldpf.data.image_files import check_outside
from ldpf.utils.paths import full_path
from ldpf.utils.ways import named
from ldpf.utils.writable import check_apart, check_file, check_folder
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
    data: Images | ListedImages | None,
    *,
    files: Mapping[str, str | Path | None] | None = None,
    folders: Mapping[str, str | Path | None] | None = None,
) -> None:
    """Refuse outputs that cannot be written, or that lie among the images, before any work.

    Args:
        data: the images, or None for none.
        files, folders: what is to be written by the argument that names it; None are skipped.

    Raises:
        SettingsError: see `check_outside`, `check_file` and `check_folder`; or a file is the table
            that the images are read from.
    """
    walked = [] if data is None else [image_folder(data)]
    for outputs, check in ((files, check_file), (folders, check_folder)):
        for name, out in (outputs or {}).items():
            if out is None:
                continue
            check_outside(out, walked, named(name))
            path = check(out, named(name))
            source = data.source if isinstance(data, DataSource) else data
            if isinstance(source, str | Path) and source != "demo":
                check_apart(path, [full_path(source)], named(name))
