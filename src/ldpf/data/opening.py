"""Opening one image file: which reader takes it, and whether it may be decoded."""

from __future__ import annotations

import functools
import io
import logging
import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, UnidentifiedImageError

from ldpf.data import limits
from ldpf.data.apart import TOO_LONG, NoProcessError, read_apart
from ldpf.data.bad_images import UnreadableImageError
from ldpf.data.dicom import open_dicom, picture_of, size_of
from ldpf.data.formats import DICOM, HEAD, JPEG_XL, format_of, pillow_readers, why_unread
from ldpf.data.header_facts import (
    HeaderError,
    is_fax,
    is_slow,
    is_unlimited,
    require_no_padding,
    webp_size,
)
from ldpf.data.jpeg_segments import JPEG_START, why_unread_jpeg, without_metadata
from ldpf.data.limits import (
    MAX_BYTES,
    MAX_MEMORY,
    SMALL_BYTES,
    SMALL_PIXELS,
    TooLongError,
    watched,
)
from ldpf.data.memory_needed import (
    memory_needed,
    page_to_read,
    too_much,
    webp_needed,
    why_too_much,
)
from ldpf.data.netpbm import is_slow_netpbm, read_netpbm
from ldpf.data.odd_tiff import put_right
from ldpf.data.pixel_ranges import NoValuesError
from ldpf.data.png_chunks import is_png, without_bad_metadata
from ldpf.data.rgb import decode_smaller
from ldpf.utils.paths import why_missing

log = logging.getLogger("ldpf")

_PLAIN = frozenset({"JPEG", "PNG"})
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


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


@dataclass(frozen=True)
class Source:
    """An image that is opened, and in most cases not decoded.

    Attributes:
        image: As Pillow gives it; from another process, the RGB picture.
        format, mode: As Pillow calls them.
        width, height: As the file has them.
    """

    image: Any
    format: str
    mode: str
    width: int
    height: int


@contextmanager
def opened_image(
    path: str | Path,
    data: bytes | BinaryIO | None,
    max_pixels: int,
    *,
    apart: bool = True,
    header_only: bool = False,
) -> Iterator[Source]:
    """The image opened, its size and what decoding it costs checked.

    A large image is to be decoded smaller, where its format can.

    Args:
        path, data, max_pixels: As in `ldpf.data.images.read_image`.
        apart: Whether formats whose decoders heed no limit are decoded in another process.
        header_only: Whether the image is to be looked at, and not to be decoded.

    Raises:
        UnreadableImageError: As in `ldpf.data.images.read_image`.
    """
    if data is None:
        require_plain_file(path, Path(path).stat())
        with (
            Path(path).open("rb") as stream,
            opened_image(path, stream, max_pixels, apart=apart, header_only=header_only) as source,
        ):
            yield source
        return
    whole: BinaryIO = io.BytesIO(data) if isinstance(data, bytes) else data
    size = whole.seek(0, io.SEEK_END)
    whole.seek(0)
    stream = watched(whole, size)
    head = stream.read(HEAD)
    if apart and not header_only and is_unlimited(head):
        optional = format_of(head)
        if optional is not None and not optional.is_installed:
            raise UnreadableImageError(path, why_unread(head))
        at_once = optional in (DICOM, JPEG_XL)
        with _read_apart(path, whole, size, max_pixels, at_once=at_once) as source:
            yield source
        return
    try:
        image = _identified(path, stream, head, size, max_pixels)
    except Image.DecompressionBombError as error:
        raise UnreadableImageError(path, _too_large(error, max_pixels)) from error
    with image:
        _check_size(path, image.size, max_pixels)
        source = Source(image, image.format or "", image.mode, *image.size)
        small = size <= SMALL_BYTES and source.width * source.height <= SMALL_PIXELS
        if small and source.format in _PLAIN:
            yield source  # nearly all images: threads times as many bytes are few
            return
        odd = is_fax(image, stream) or (not small and is_slow(image, stream))
        if apart and not header_only and odd:
            with _read_apart(path, whole, size, max_pixels) as source:
                yield source
            return
        position = stream.tell()
        decode_smaller(image, stream)
        needed = memory_needed(image, stream, size)
        if reason := why_too_much(image, stream, size, needed):
            raise UnreadableImageError(path, reason)
        stream.seek(position)
        if header_only:
            yield source
            return
        with limits.IN_FLIGHT.hold(needed):
            yield (
                source
                if not is_slow_netpbm(image)
                else replace(source, image=read_netpbm(image, stream))
            )


@contextmanager
def _read_apart(
    path: str | Path, stream: BinaryIO, size: int, max_pixels: int, *, at_once: bool = False
) -> Iterator[Source]:
    """The picture by another process.

    Args:
        path, stream, size, max_pixels: As in `ldpf.data.apart.read_apart`.
        at_once: Whether the format is decoded before its size is known.
    """
    with ExitStack() as held:
        if at_once:
            held.enter_context(limits.IN_FLIGHT.hold(MAX_MEMORY))

        def hold(needed: int) -> None:
            if not at_once:
                held.enter_context(limits.IN_FLIGHT.hold(needed))

        try:
            read = read_apart(path, stream, size, max_pixels, hold)
            source = Source(read.picture, read.format, read.mode, read.width, read.height)
        except NoProcessError:
            held.close()
            _warn_once()
            source = held.enter_context(opened_image(path, stream, max_pixels, apart=False))
        yield source


@functools.cache
def _warn_once() -> None:
    """Say that there is no other process."""
    log.warning(
        "no other process can be started to decode images of unusual formats; they are decoded in "
        "this one, where one that takes very long cannot be ended"
    )


def _identified(
    path: str | Path, stream: BinaryIO, head: bytes, size_in_bytes: int, max_pixels: int
) -> Image.Image:
    """The image by a reader of Pillow or of a plug-in that is installed."""
    page = 0
    if size := webp_size(head):
        _check_size(path, size, max_pixels)
        if (needed := webp_needed(head)) > MAX_MEMORY:
            raise UnreadableImageError(path, too_much("WEBP", needed))
    elif head.startswith(TIFF_STARTS):
        page = page_to_read(stream)
    elif head.startswith(JPEG_START) and size_in_bytes > SMALL_BYTES:
        require_no_padding(stream, size_in_bytes)
    stream.seek(0)
    if is_png(stream):
        stream = without_bad_metadata(stream)
    try:
        image = Image.open(stream, formats=pillow_readers())
        if page:
            image.seek(page)
        put_right(image)
        if image.format in ("JPEG", "MPO") and (kind := why_unread_jpeg(stream)):
            raise UnreadableImageError(path, kind)
        return image
    except UnidentifiedImageError:
        stream.seek(0)
    if head.startswith(JPEG_START):
        return _jpeg_by_its_pixels(path, stream, head)
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


def _jpeg_by_its_pixels(path: str | Path, stream: BinaryIO, head: bytes) -> Image.Image:
    """A JPEG whose metadata Pillow stumbles over, or why it is none that is read."""
    try:
        return Image.open(without_metadata(stream), formats=("JPEG",))
    except UnidentifiedImageError:
        raise UnreadableImageError(path, why_unread_jpeg(stream) or why_unread(head)) from None


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
        raise UnreadableImageError(path, why_missing(path)) from error
    except TooLongError as error:
        raise UnreadableImageError(path, TOO_LONG) from error
    except (NoValuesError, HeaderError) as error:
        raise UnreadableImageError(path, str(error)) from error
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
