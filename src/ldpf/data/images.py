"""Reading one image file, whatever it is, as 8-bit RGB; and finding those that cannot be read."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from ldpf.data.bad_images import BadImage, UnreadableImageError, bad_images_message
from ldpf.data.boxes import split_box
from ldpf.data.decoding_pool import decoding_pool
from ldpf.data.limits import MAX_BYTES, MAX_PIXELS
from ldpf.data.opening import opened_image, require_plain_file, with_reasons
from ldpf.data.pixel_ranges import NoValuesError
from ldpf.data.rgb import to_rgb

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "READING_VERSION",
    "BadImage",
    "Opened",
    "UnreadableImageError",
    "bad_images_message",
    "check_images",
    "default_workers",
    "opened_picture",
    "read_image",
    "require_plain_file",
    "rgb_image",
    "with_reasons",
]

READING_VERSION = "3"
"""Raised whenever `read_image` gives other pixels than before, so that cached features go stale."""

# Modes whose conversion to RGB cannot fail, so that checking need not convert.
_PLAIN_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})


def read_image(
    path: str | Path, *, data: bytes | BinaryIO | None = None, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Read an image file as 8-bit RGB, upright.

    Grayscale, palette, CMYK and LAB images become RGB. Transparency (alpha channel, or a
    transparent palette entry or color) is laid on white; an alpha channel that is zero everywhere
    is ignored. 16-bit grayscale is scaled to 8 bits (value / 257, or by the significant bits that
    the file names), and so are floats and larger integers; `ldpf.data.pixel_ranges` has the rules,
    and those for values that mean "no data". Texts and color profiles of any size are skipped.
    HEIC, AVIF, JPEG XL and DICOM are read where their plug-in is installed (`ldpf.data.formats`).
    An EXIF rotation is applied; one that cannot be understood is taken as none. Of an animation
    or a file with several pages the first frame is read. An image of more than 24 million pixels
    becomes smaller, still of a million pixels and more. Of a path with a box behind it
    (`ldpf.data.boxes`) the part in the box is read. What decoding may take of time and memory
    is in `ldpf.data.limits`.

    Args:
        path: The file.
        data: Its content, or the open file; `path` then only names it.
        max_pixels: Width times height above which the image is refused before it is decoded.

    Returns:
        A loaded `PIL.Image.Image` of mode RGB.

    Raises:
        UnreadableImageError: (a `DataError`) The file is missing, empty, not an image, in a format
            whose plug-in is not installed, truncated or otherwise damaged, too large, takes too
            much time or memory, or holds no value but no-data (NaN, infinity).
    """
    with opened_picture(path, data, max_pixels) as opened:
        return opened.picture


@dataclass(frozen=True)
class Opened:
    """An image that was read.

    Attributes:
        picture: 8-bit RGB, upright.
        format: As Pillow calls it, such as "JPEG".
        mode: As Pillow calls it, such as "I;16".
        width, height: As the file has them, upright.
    """

    picture: Image.Image
    format: str
    mode: str
    width: int
    height: int


@contextmanager
def opened_picture(
    path: str | Path,
    data: bytes | BinaryIO | None = None,
    max_pixels: int = MAX_PIXELS,
    *,
    apart: bool = True,
) -> Iterator[Opened]:
    """What `read_image` gives, and what it was; while it is used, it counts as in flight.

    No other image may be read inside: see `ldpf.data.limits.InFlight.hold`.

    Args:
        path, data, max_pixels: As in `read_image`.
        apart: As in `ldpf.data.opening.opened_image`.

    Raises:
        UnreadableImageError: As in `read_image`.
    """
    file, box = split_box(path)
    with ExitStack() as stack:
        with with_reasons(path):
            source = stack.enter_context(
                opened_image(path if box is None else file, data, max_pixels, apart=apart)
            )
            picture = to_rgb(source.image, own=True)
            source.image.close()
        across, down = source.width, source.height
        if (across < down) != (picture.width < picture.height) and picture.width != picture.height:
            across, down = down, across  # turned
        if box is not None:
            picture = box.crop(picture, across, down, path)
        yield Opened(picture, source.format, source.mode, across, down)


def rgb_image(image: Image.Image, path: str | Path = "image") -> Image.Image:
    """An image that is open already as 8-bit RGB, upright, by the rules of `read_image`.

    Args:
        image: Of any mode.
        path: Names it in an error.

    Raises:
        UnreadableImageError: It holds no finite value.
    """
    try:
        return to_rgb(image)
    except NoValuesError as error:
        raise UnreadableImageError(path, str(error)) from error


def check_images(
    paths: Iterable[str | Path],
    workers: int | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
    on_done: Callable[[int], None] | None = None,
) -> list[BadImage]:
    """The files among `paths` that `read_image` would refuse, in the order given.

    Every file is decoded to its end, because a truncated file has a perfect header; JPEGs at an
    eighth of their size, which costs much less and still reads all their data.

    Args:
        paths: Image files; consumed lazily, so any number of them.
        workers: Threads (Pillow decodes without holding Python's lock); default one per processor.
        max_pixels: As in `read_image`.
        on_done: Called with the number of files done since the last call.
    """
    bad: list[BadImage] = []
    with decoding_pool(workers or default_workers()) as pool:
        for chunk in _chunks(paths, 512):
            reasons = pool.map(functools.partial(_why_bad, max_pixels=max_pixels), chunk)
            for path, reason in zip(chunk, reasons, strict=True):
                if reason is not None:
                    bad.append(BadImage(str(path), reason))
            if on_done is not None:
                on_done(len(chunk))
    return bad


def default_workers() -> int:
    """Threads for decoding: one for each processor this process may use, 16 at most."""
    try:
        return min(16, len(os.sched_getaffinity(0)))
    except AttributeError:  # not on every operating system
        return min(16, os.cpu_count() or 1)


def _why_bad(path: str | Path, max_pixels: int) -> str | None:
    try:
        with with_reasons(path), opened_image(path, None, max_pixels) as source:
            image = source.image
            if image.format in ("JPEG", "MPO"):
                # Scaled decoding (draft) skips most arithmetic, not the reading of the data.
                width, height = image.size
                image.draft("L", (max(1, width // 8), max(1, height // 8)))
            image.load()
            if image.mode not in _PLAIN_MODES or (image.mode == "P" and image.palette is None):
                to_rgb(image, own=True)
    except UnreadableImageError as error:
        return error.reason
    return None


def _chunks(paths: Iterable[str | Path], size: int) -> Iterator[list[str | Path]]:
    iterator = iter(paths)
    while chunk := list(islice(iterator, size)):
        yield chunk
