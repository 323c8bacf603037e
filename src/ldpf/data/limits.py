"""What decoding one image may cost: pixels, bytes, memory and time; and of all together."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

MAX_PIXELS = 89_478_485
"""Pixels above which an image counts as a decompression bomb (Pillow's own limit)."""

MAX_BYTES = 2**30
"""File size (1 GiB) above which a file is not opened as an image."""

MAX_SECONDS = 10.0
"""Processor time that decoding one image may take; waiting for a disk does not count."""

MAX_MEMORY = 400_000_000
"""Bytes that decoding one image may take, without its file."""

MAX_IN_FLIGHT = 2 * MAX_MEMORY
"""Bytes that all images may take that are being decoded at one time, over all threads."""

WHOLE_PIXELS = 24_000_000
"""Pixels up to which an image is decoded at its full size."""

REDUCED_PIXELS = 4_000_000
"""Pixels that a larger image is reduced to: preprocessing needs some hundred a side."""

IN_MEMORY = 2**24
"""Bytes of a file (16 MiB) up to which it is read at once; a larger one is read in parts."""

SMALL_BYTES = 2**18
"""Bytes of a file up to which no loop over single ones takes long."""

SMALL_PIXELS = 2**18
"""Pixels up to which an image of a small file takes little of anything, whatever is in it."""


class TooLongError(Exception):
    """Decoding has taken `MAX_SECONDS`.

    No kind of OSError or ValueError: Pillow's readers take some of those for the end of a file.
    """


def reduction(width: int, height: int) -> int:
    """By what whole number both sides of an image are divided; 1 up to `WHOLE_PIXELS`.

    Args:
        width, height: In pixels.
    """
    if width * height <= WHOLE_PIXELS:
        return 1
    factor = max(2, math.isqrt(width * height // REDUCED_PIXELS))
    while -(-width // factor) * -(-height // factor) > REDUCED_PIXELS:
        factor += 1
    return factor


def watched(stream: BinaryIO, size: int, seconds: float = MAX_SECONDS) -> BinaryIO:
    """A stream that ends the decoding of its file after `seconds` of processor time.

    Pillow's readers are loops over reads, in Python or around a decoder in C, so that a limit at
    every read holds in any thread. Small files come back as they are: for them it holds anyway.

    Args:
        stream: The open file.
        size: Its bytes.
        seconds: Of this thread, from now on.
    """
    return stream if size <= SMALL_BYTES else _Watched(stream, seconds)  # type: ignore[return-value]


_given_up = 0


def give_up() -> None:
    """Let every decoding that has begun in this process end as if its time were up."""
    global _given_up
    _given_up += 1


def times_given_up() -> int:
    """How often `give_up` was called: a decoding that began before the last time is to end."""
    return _given_up


class _Watched:
    """A stream of which `read` and `seek` raise `TooLongError` once the time is up."""

    def __init__(self, stream: BinaryIO, seconds: float) -> None:
        self._stream = stream
        self._end = time.thread_time() + seconds
        self._begun = _given_up

    def _check(self) -> None:
        if time.thread_time() > self._end or self._begun != _given_up:
            raise TooLongError

    def read(self, size: int = -1, /) -> bytes:
        self._check()
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._check()
        return self._stream.seek(offset, whence)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class InFlight:
    """A bound on what several threads hold at one time; who asks first is served first."""

    def __init__(self, limit: int = MAX_IN_FLIGHT) -> None:
        """Nothing is held.

        Args:
            limit: Bytes; what is larger than this runs alone.
        """
        self.limit = limit
        self.held = 0
        self._turn = threading.Lock()
        self._freed = threading.Condition()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Wait until there is room for `size` bytes, and take it until the block ends.

        A thread that holds some must not ask for more: two of them would wait for each other.
        """
        with self._turn, self._freed:
            self._freed.wait_for(lambda: not self.held or self.held + size <= self.limit)
            self.held += size
        try:
            yield
        finally:
            with self._freed:
                self.held -= size
                self._freed.notify()


IN_FLIGHT = InFlight()
"""The one bound of this process."""
