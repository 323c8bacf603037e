"""Reading one image file, whatever it is, as 8-bit RGB; and finding those that cannot be read."""

from __future__ import annotations

import functools
import io
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from ldpf.data.bad_images import BadImage, UnreadableImageError, bad_images_message
from ldpf.data.deep_color import brightened
from ldpf.data.dicom import open_dicom, picture_of, size_of
from ldpf.data.formats import DICOM, HEAD, format_of, pillow_readers, why_unread
from ldpf.data.pixel_ranges import (
    FEW_LEVELS,
    NoValuesError,
    eight_bits,
    has_range,
    significant_bits_of,
    without_no_data,
)
from ldpf.data.png_chunks import is_png, without_large_metadata

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "READING_VERSION",
    "BadImage",
    "UnreadableImageError",
    "bad_images_message",
    "check_images",
    "default_workers",
    "opened_image",
    "read_image",
    "require_plain_file",
    "rgb_image",
    "with_reasons",
]

MAX_PIXELS = 89_478_485
"""Pixels above which an image counts as a decompression bomb (Pillow's own limit)."""

MAX_BYTES = 2**30
"""File size (1 GiB) above which a file is not opened as an image."""

READING_VERSION = "2"
"""Raised whenever `read_image` gives other pixels than before, so that cached features go stale."""

# Modes whose conversion to RGB cannot fail, so that checking need not convert.
_PLAIN_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})


def read_image(
    path: str | Path, *, data: bytes | None = None, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Read an image file as 8-bit RGB, upright.

    Greyscale, palette, CMYK and LAB images become RGB. Transparency (alpha channel, or a
    transparent palette entry or colour) is laid on white; an alpha channel that is zero everywhere
    is ignored. 16-bit greyscale is scaled to 8 bits (value / 257, or by the significant bits that
    the file names), and so are floats and larger integers; `ldpf.data.pixel_ranges` has the rules,
    and those for values that mean "no data". Texts and colour profiles of any size are skipped.
    HEIC, AVIF, JPEG XL and DICOM are read where their plug-in is installed (`ldpf.data.formats`).
    An EXIF rotation is applied; one that cannot be understood is taken as none. Of an animation
    or a file with several pages the first frame is read.

    Args:
        path: The file.
        data: Its content, where the caller has read it already; `path` then only names it.
        max_pixels: Width times height above which the image is refused before it is decoded.

    Returns:
        A loaded `PIL.Image.Image` of mode RGB.

    Raises:
        UnreadableImageError: (a `DataError`) The file is missing, empty, not an image, in a format
            whose plug-in is not installed, truncated or otherwise damaged, too large, or holds no
            value but no-data (NaN, infinity).
    """
    with with_reasons(path), opened_image(path, data, max_pixels) as image:
        return rgb_image(image, path)


def rgb_image(image: Image.Image, path: str | Path = "image") -> Image.Image:
    """An image that is open already as 8-bit RGB, upright, by the rules of `read_image`.

    Args:
        image: Of any mode.
        path: Names it in an error.

    Raises:
        UnreadableImageError: It holds no finite value.
    """
    bits = significant_bits_of(image)
    bright = brightened(image, bits)
    image.load()
    picture = _to_rgb(path, image if bright is None else bright, bits)
    upright = _upright(image, picture)
    if FEW_LEVELS in picture.info:
        upright.info[FEW_LEVELS] = picture.info[FEW_LEVELS]
    return upright


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
    with ThreadPoolExecutor(workers or default_workers()) as pool:
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


def require_plain_file(path: str | Path, status: os.stat_result) -> None:
    """Refuse what must not be opened as an image: folders, pipes, empty and enormous files.

    Raises:
        UnreadableImageError: As said.
    """
    if stat.S_ISDIR(status.st_mode):
        raise UnreadableImageError(path, "a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableImageError(path, "not a regular file")
    if status.st_size == 0:
        raise UnreadableImageError(path, "an empty file (0 bytes)")
    if status.st_size > MAX_BYTES:
        raise UnreadableImageError(
            path, f"a file of {status.st_size:,} bytes, above the limit of {MAX_BYTES:,}"
        )


def _why_bad(path: str | Path, max_pixels: int) -> str | None:
    try:
        with with_reasons(path), opened_image(path, None, max_pixels) as image:
            if image.format in ("JPEG", "MPO"):
                # Scaled decoding (draft) skips most arithmetic, not the reading of the data.
                width, height = image.size
                image.draft("L", (max(1, width // 8), max(1, height // 8)))
            image.load()
            if image.mode not in _PLAIN_MODES:
                _to_rgb(path, image, None)
    except UnreadableImageError as error:
        return error.reason
    return None


@contextmanager
def opened_image(path: str | Path, data: bytes | None, max_pixels: int) -> Iterator[Image.Image]:
    """The image opened but not decoded, its size checked; see `read_image` for the arguments."""
    if data is None:
        require_plain_file(path, Path(path).stat())
        stream: BinaryIO = Path(path).open("rb")  # noqa: SIM115 closed by the with below
    else:
        stream = io.BytesIO(data)
    with stream:
        try:
            image = _identified(path, stream, max_pixels)
        except Image.DecompressionBombError as error:
            raise UnreadableImageError(path, _too_large(error, max_pixels)) from error
        with image:
            _check_size(path, image.size, max_pixels)
            yield image


def _identified(path: str | Path, stream: BinaryIO, max_pixels: int) -> Image.Image:
    """The image by a reader of Pillow or of a plug-in that is installed."""
    if is_png(stream):
        stream = without_large_metadata(stream)
    try:
        return Image.open(stream, formats=pillow_readers())
    except UnidentifiedImageError:
        stream.seek(0)
        head = stream.read(HEAD)
        stream.seek(0)
    optional = format_of(head)
    if optional is None or not optional.load():
        raise UnreadableImageError(path, why_unread(head))
    if optional is DICOM:
        header = open_dicom(stream)
        _check_size(path, size_of(header), max_pixels)
        picture = picture_of(header)
        picture.format = DICOM.name
        return picture
    return Image.open(stream, formats=(optional.reader,))


def _check_size(path: str | Path, size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise UnreadableImageError(path, _too_many(width * height, max_pixels))


@contextmanager
def with_reasons(path: str | Path) -> Iterator[None]:
    """Turn whatever goes wrong while an image is read into an `UnreadableImageError`."""
    try:
        yield
    except UnreadableImageError:
        raise
    except FileNotFoundError as error:
        link = Path(path).is_symlink()
        reason = "a link to a file that does not exist" if link else "the file does not exist"
        raise UnreadableImageError(path, reason) from error
    except PermissionError as error:
        raise UnreadableImageError(path, "no permission to read it") from error
    except Exception as error:
        # Pillow's readers raise nearly everything on damaged files: OSError, SyntaxError,
        # struct.error, EOFError, ValueError, zlib.error, MemoryError ...
        text = str(error) or type(error).__name__
        raise UnreadableImageError(path, f"damaged or cut off: {text}") from error


def _too_many(pixels: int, limit: int) -> str:
    return f"{pixels:,} pixels, above the limit of {limit:,}"


def _too_large(error: Image.DecompressionBombError, max_pixels: int) -> str:
    """Pillow stops at twice its own limit before its caller sees the size; say it our way."""
    match = re.search(r"(\d+) pixels", str(error))
    if match is not None and int(match[1]) > max_pixels:
        return _too_many(int(match[1]), max_pixels)
    return f"{error}; Pillow has a limit of its own, PIL.Image.MAX_IMAGE_PIXELS"


def _to_rgb(path: str | Path, image: Image.Image, bits: int | None) -> Image.Image:
    """The loaded image as RGB, by the rules of `read_image`."""
    if has_range(image):
        try:
            gray = eight_bits(image, bits)
        except NoValuesError as error:
            raise UnreadableImageError(path, str(error)) from error
        return gray.convert("RGB")
    if image.mode == "LAB":
        return ImageCms.applyTransform(image, _lab_to_rgb())  # type: ignore[return-value]
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        # Alpha that is zero everywhere (or a mask of 0 and 1 for 0 and 255) hides the whole image.
        if rgba.getchannel("A").getextrema()[1] <= 1:  # type: ignore[operator]
            return rgba.convert("RGB")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return without_no_data(image)


@functools.cache
def _lab_to_rgb() -> ImageCms.ImageCmsTransform:
    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(lab, rgb, "LAB", "RGB")


def _upright(image: Image.Image, rgb: Image.Image) -> Image.Image:
    """Apply the EXIF rotation of the loaded `image` to `rgb`."""
    try:
        if image.format == "JXL":  # turned by its decoder; the EXIF tag does not count there
            return rgb
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        if orientation == 1:
            return rgb
        # The orientation alone: `exif_transpose` fails where any other tag is damaged.
        rgb.info = {}
        rgb.getexif()[ExifTags.Base.Orientation] = orientation
        return ImageOps.exif_transpose(rgb)
    except Exception:  # broken metadata must not cost a good picture
        return rgb


def _chunks(paths: Iterable[str | Path], size: int) -> Iterator[list[str | Path]]:
    iterator = iter(paths)
    while chunk := list(islice(iterator, size)):
        yield chunk
