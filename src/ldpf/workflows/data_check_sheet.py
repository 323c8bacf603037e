"""The contact sheet of what `ldpf data check` found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ldpf.inspection.contact_sheet import Panel, draw_sheet
from ldpf.utils.files import open_atomic
from ldpf.utils.text import count

if TYPE_CHECKING:
    from ldpf.data import ImageDataset
    from ldpf.workflows.data_checking import DataCheck

COLUMNS = 8
SHOWN = 16
"""Pictures in each part of the sheet."""


def write_sheet(check: DataCheck, out: Path) -> Path | None:
    """Draw what is odd; None, and no file, where nothing is.

    Raises:
        OSError: the file cannot be written.
    """
    panels = odd_panels(check)
    if not panels:
        return None
    with open_atomic(out, "wb") as stream:
        draw_sheet(panels, COLUMNS).save(stream, "PNG", compress_level=3)
    return out


def odd_panels(check: DataCheck) -> list[Panel]:
    """A part of the sheet for each kind of oddity, with a label under each picture."""
    data = check.dataset
    label = {path: data.class_names[k] for path, k in zip(data.paths, data.labels, strict=True)}
    found = check.features
    copied = [check.facts[i].path for group in check.copies for i in group]
    pairs = () if found is None else found.near_copies
    near = list(dict.fromkeys(path for a, b, _ in pairs for path in (a, b)))
    parts = [
        ("Blank pictures", [one.path for one in check.blank]),
        ("Dark pictures", [one.path for one in check.dark]),
        ("Small pictures", [one.path for one in check.small]),
        ("The same file several times", copied),
        ("Nearly the same picture", near),
        ("Suspicious labels", [] if found is None else list(found.suspects)),
    ]
    return [_panel(title, paths, label, data) for title, paths in parts if paths]


def _panel(title: str, paths: Sequence[str], label: dict[str, str], data: ImageDataset) -> Panel:
    shown = paths[:SHOWN]
    subtitle = count(len(paths), "picture")
    if len(paths) > len(shown):
        subtitle += f", the first {len(shown)} of them"
    files = tuple(data.root / path for path in shown)
    return Panel(title, subtitle, files, tuple(label[path] for path in shown))
