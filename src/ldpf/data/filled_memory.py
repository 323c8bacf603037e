"""Memory that comes filled with a known byte, so that a decoder's unwritten pixels show.

The decoder of fax compression (libtiff 4.7, CCITT group 4) reports success where the data of a
picture end early, and leaves the missing rows as the memory was. Read twice, over two fillings,
such a picture is not the same.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

FILLINGS = (0x55, 0xAA)
"""Two bytes without a bit in common."""

_PERTURB = -6  # M_PERTURB of mallopt(3)


@contextmanager
def memory_filled(byte: int) -> Iterator[None]:
    """Let new memory of this process hold `byte`; on Linux with glibc, elsewhere nothing changes.

    Every allocation pays for it: for processes that decode one picture.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    set_option = getattr(library, "mallopt", None)
    if set_option is None:
        yield
        return
    set_option(_PERTURB, byte ^ 0xFF)  # glibc fills with the complement
    try:
        yield
    finally:
        set_option(_PERTURB, 0)
