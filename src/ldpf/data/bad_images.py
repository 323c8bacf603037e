"""Files that cannot be used as images, and how that is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ldpf.errors import DataError
from ldpf.utils.text import one_line, shortened
from ldpf.utils.ways import setting


@dataclass(frozen=True)
class BadImage:
    """A file that cannot be used as an image, and why, in a few words."""

    path: str
    reason: str


class UnreadableImageError(DataError):
    """One image file cannot be read; `.path` and `.reason` say which and why."""

    def __init__(self, path: str | Path, reason: str):
        super().__init__(f"cannot read the image {one_line(path)}: {one_line(reason)}")
        self.path = str(path)
        self.reason = reason


def bad_images_message(bad: Sequence[BadImage], total: int, root: str | Path | None) -> str:
    """The one message for all bad files: how many, up to 20 of them with reasons, what to do.

    Args:
        bad: The bad ones.
        total: How many there are, with the good ones.
        root: Where they lie; None for images that lie nowhere in common.
    """
    where = "" if root is None else f" in {root}"
    lines = [f"{len(bad):,} of {total:,} images{where} cannot be used:"]
    lines += [f"  {shortened(one_line(one.path), 300)}: {one_line(one.reason)}" for one in bad[:20]]
    if len(bad) > 20:
        lines.append(f"  ... and {len(bad) - 20:,} more")
    if root is None:  # a list that somebody gave in Python, where nothing is skipped
        lines.append("Repair them, or leave them out of the list.")
    else:
        lines.append(f"Repair or remove them, or leave them out with {setting('skip_bad')}.")
    return "\n".join(lines)
