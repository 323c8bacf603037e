"""The other side of `ldpf.data.apart`: reads images from stdin and writes pictures to stdout.

Run as `python -m ldpf.data.decoder_process`, by that module only.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, BinaryIO

import psutil
from PIL import Image

from ldpf.data import limits
from ldpf.data.apart import TOO_MUCH
from ldpf.data.bad_images import UnreadableImageError
from ldpf.data.filled_memory import FILLINGS, memory_filled
from ldpf.data.header_facts import is_fax
from ldpf.data.images import opened_picture
from ldpf.data.opening import TIFF_STARTS, opened_image, with_reasons
from ldpf.data.pixel_ranges import FEW_LEVELS
from ldpf.utils.resources import peak_memory_mib, reset_peak_memory

try:
    import resource
except ImportError:  # not on Windows: there the parent process alone limits the memory
    resource = None

MISSING_ROWS = "damaged or cut off: its fax compression (CCITT) ends before its last row"

_RESERVED = 100_000_000 + 10_000_000 * (os.cpu_count() or 1)
"""Address space that threads reserve and do not use."""


class _Asking:
    """The bound of the parent process on what is in flight."""

    def __init__(self, source: BinaryIO, target: BinaryIO) -> None:
        self._source, self._target = source, target
        self.granted = -1

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Ask for `size` bytes, and wait until they are granted; once for each image."""
        if size > self.granted:
            _send(self._target, {"needed": size})
            if not self._source.readline():
                raise SystemExit
            self.granted = size
        yield


def main() -> None:
    """Read images until stdin ends."""
    source = sys.stdin.buffer
    # What a library prints must not come between pictures.
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    asking = _Asking(source, target)
    limits.IN_FLIGHT = asking  # type: ignore[assignment]
    _send(target, {})
    while line := source.readline():
        request = json.loads(line)
        asking.granted = -1
        data = source.read(request["size"])
        _answer(data, request["max_pixels"], target)


def _answer(data: bytes, max_pixels: int, target: BinaryIO) -> None:
    process = psutil.Process()
    before = process.memory_info()
    if resource is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = before.vms + limits.MAX_MEMORY + _RESERVED
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    reset_peak_memory()

    def used() -> float:
        return peak_memory_mib() * 2**20 - before.rss

    reason = None
    try:
        other = _over_other_memory(data, max_pixels)
        with (
            nullcontext() if other is None else memory_filled(FILLINGS[1]),
            opened_picture("image", data, max_pixels, apart=False) as opened,
        ):
            picture = opened.picture
            if other is not None and other != _digest(picture):
                raise UnreadableImageError("image", MISSING_ROWS)
            if used() <= limits.MAX_MEMORY:
                message: dict[str, Any] = {
                    "size": picture.size,
                    "format": opened.format,
                    "mode": opened.mode,
                    "width": opened.width,
                    "height": opened.height,
                    "few": picture.info.get(FEW_LEVELS),
                }
                _send(target, message, picture.tobytes())
                return
        reason = TOO_MUCH
    except UnreadableImageError as error:
        # A decoder that gets no more memory mostly says that the file is damaged.
        short = isinstance(error.__cause__, MemoryError) or used() > 0.8 * limits.MAX_MEMORY
        reason = TOO_MUCH if short and "above the limit" not in error.reason else error.reason
    _send(target, {"reason": reason})


def _over_other_memory(data: bytes, max_pixels: int) -> bytes | None:
    """A digest of the picture over one filling of memory; None where its decoder fills it all."""
    if not data.startswith(TIFF_STARTS):
        return None
    with (
        with_reasons("image"),
        opened_image("image", data, max_pixels, apart=False, header_only=True) as source,
    ):
        if not is_fax(source.image, io.BytesIO(data)):
            return None
    with (
        memory_filled(FILLINGS[0]),
        opened_picture("image", data, max_pixels, apart=False) as opened,
    ):
        return _digest(opened.picture)


def _digest(picture: Image.Image) -> bytes:
    """In strips, so that the memory of the picture is not needed twice."""
    digest = hashlib.sha256()
    rows = max(1, 1_000_000 // picture.width)
    for top in range(0, picture.height, rows):
        part = picture.crop((0, top, picture.width, min(top + rows, picture.height)))
        digest.update(part.tobytes())
    return digest.digest()


def _send(target: BinaryIO, message: dict[str, Any], data: bytes = b"") -> None:
    target.write(json.dumps(message).encode() + b"\n")
    target.write(data)
    target.flush()


if __name__ == "__main__":
    main()
