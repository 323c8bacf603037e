"""Pictures of which nearly nothing is left: one color, or next to none; warned of once."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from ldpf.data.pixel_ranges import FEW_LEVELS
from ldpf.utils.text import count, one_line, some

log = logging.getLogger("ldpf")

SPAN = 16
"""Levels of 255: darkest and lightest of every channel no farther apart is next to no color.

12 bits in 16, taken for 16, reach level 16.
"""

_SHOWN = 5


def why_poor(picture: Image.Image) -> str | None:
    """Why a picture that was read, of mode RGB, shows nearly nothing; None for all others."""
    width, height = picture.size
    middle = picture.crop((width // 2 - 32, height // 2 - 32, width // 2 + 32, height // 2 + 32))
    few = picture.info.get(FEW_LEVELS)
    # The middle shows enough of nearly all pictures, at a fraction of the cost.
    if min(width, height) >= 64 and max(_spans(middle)) > SPAN and not few:
        return None
    spans = _spans(picture)
    if max(spans) == 0:
        return "one color"
    if max(spans) <= SPAN:
        return f"next to one color: {max(spans)} of 255 levels from darkest to lightest"
    return f"next to none left: {few}" if few else None


def _spans(picture: Image.Image) -> list[int]:
    """From the darkest to the lightest value of each channel."""
    return [int(high - low) for low, high in picture.getextrema()]  # type: ignore[misc]


@dataclass
class PoorPictures:
    """Pictures of one set that show nearly nothing.

    Attributes:
        names: Of the first ones, with why.
        total: How many there are.
        seen: How many pictures there are with the good ones.
    """

    names: list[str] = field(default_factory=list)
    total: int = 0
    seen: int = 0

    def add(self, name: str | Path, why: str | None) -> None:
        """Count a picture; `why` is None for a good one."""
        self.seen += 1
        if why is None:
            return
        self.total += 1
        if len(self.names) < _SHOWN:
            self.names.append(f"{one_line(name)} ({why})")

    def say(self) -> None:
        """One warning in the log, if there are any."""
        if not self.total:
            return
        more = f" and {self.total - len(self.names):,} more" if self.total > len(self.names) else ""
        log.warning(
            "%s of %s show one color or next to none: %s%s; look at them with 'ldpf data check "
            "FOLDER', and scale their values, or leave them out",
            f"{self.total:,}",
            count(self.seen, "picture"),
            some(self.names),
            more,
        )
