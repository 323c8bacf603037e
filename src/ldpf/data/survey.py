"""What the files of a dataset are: size, format, content, brightness, and whether one is blank."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from ldpf.data.boxes import split_box
from ldpf.data.content import content_of
from ldpf.data.decoding_pool import decoding_pool
from ldpf.data.images import (
    UnreadableImageError,
    default_workers,
    opened_picture,
)
from ldpf.data.poor_pictures import why_poor

DARK = 32
"""A picture is dark if 95% of its pixels are below this level of 255."""

FLAT = 3.0
"""A picture is blank if its levels of gray differ by less than this (standard deviation of 255)."""

SMALL = 64
"""Sides in pixels below which a picture counts as small."""

_AT_ONCE = 512
_ENDINGS = {
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif"},
    "MPO": {".jpg", ".jpeg", ".jpe", ".jfif"},
    "PNG": {".png"},
    "WEBP": {".webp"},
    "GIF": {".gif"},
    "BMP": {".bmp"},
    "TIFF": {".tif", ".tiff"},
}
"""Endings of the usual formats; of others it is not asked whether the ending fits."""


@dataclass(frozen=True)
class FileFacts:
    """What one file is.

    Attributes:
        path: As it was given, perhaps with a box behind it; then the picture is the crop.
        error: Why it cannot be used as an image, or None; then all below is unknown.
        size_bytes: Of the file.
        sha256: Hexadecimal digest of its content, and of the box where there is one.
        width, height: In pixels, upright.
        format: As Pillow calls it, such as "JPEG".
        mode: As Pillow calls it, such as "RGB" or "I;16".
        brightness: Mean level of gray, 0 to 255.
        blank: Why the picture shows nothing, or None.
        dark: Whether it is nearly black.
    """

    path: str
    error: str | None = None
    size_bytes: int = 0
    sha256: str = ""
    width: int = 0
    height: int = 0
    format: str = ""
    mode: str = ""
    brightness: float = 0.0
    blank: str | None = None
    dark: bool = False

    @property
    def small(self) -> bool:
        """Whether a side is shorter than `SMALL`."""
        return self.error is None and min(self.width, self.height) < SMALL

    @property
    def other_ending(self) -> bool:
        """Whether the ending says another format than the content."""
        fitting = _ENDINGS.get(self.format)
        ending = Path(split_box(self.path)[0]).suffix.lower()
        return fitting is not None and ending not in fitting and bool(ending)


def survey_files(
    files: Iterable[Path],
    workers: int | None = None,
    *,
    on_done: Callable[[int], None] | None = None,
) -> list[FileFacts]:
    """Read every file once.

    Args:
        files: Images; bad ones stop nothing.
        workers: Threads; default one per processor.
        on_done: Called with the number of files done since the last call.
    """
    facts: list[FileFacts] = []
    waiting = iter(files)
    with decoding_pool(workers or default_workers()) as pool:
        while chunk := list(islice(waiting, _AT_ONCE)):
            facts += pool.map(file_facts, chunk)
            if on_done is not None:
                on_done(len(chunk))
    return facts


def file_facts(file: Path) -> FileFacts:
    """What one file is; nothing is raised for a bad one."""
    try:
        with content_of(file) as content, opened_picture(file, content.data) as opened:
            picture = opened.picture
    except UnreadableImageError as error:
        return FileFacts(str(file), error=error.reason)
    whole = split_box(file)[1] is None
    mean, deviation, high = _levels(picture)
    blank = why_poor(picture)
    dark = blank is None and high < DARK
    if blank is None and not dark and deviation < FLAT:
        blank = f"nearly one color: levels differ by {deviation:.1f} of 255 (standard deviation)"
    return FileFacts(
        path=str(file),
        size_bytes=content.status.st_size,
        sha256=content.sha256.hex(),
        width=opened.width if whole else picture.width,
        height=opened.height if whole else picture.height,
        format=opened.format,
        mode=opened.mode,
        brightness=mean,
        blank=blank,
        dark=dark,
    )


def copies(facts: Sequence[FileFacts]) -> list[list[int]]:
    """Groups of at least two files with the same content, as places in `facts`, in their order."""
    groups: dict[str, list[int]] = {}
    for place, one in enumerate(facts):
        if one.error is None:
            groups.setdefault(one.sha256, []).append(place)
    return [group for group in groups.values() if len(group) > 1]


def _levels(picture: Image.Image) -> tuple[float, float, int]:
    """Mean and standard deviation of the levels of gray, and the level below which 95% are."""
    histogram = np.array(picture.convert("L").histogram(), dtype=np.float64)  # [256]
    shares = histogram / histogram.sum()
    levels = np.arange(256)
    mean = float(shares @ levels)
    deviation = float(np.sqrt(shares @ (levels - mean) ** 2))
    return mean, deviation, int(np.searchsorted(np.cumsum(shares), 0.95))
