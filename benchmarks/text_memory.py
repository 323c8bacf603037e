"""Peak memory of one piece of work, as the operating system counts it."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable

import psutil
import torch

from ldpf.utils.resources import peak_memory_mib, reset_peak_memory

MIB = 2**20


def peak_mib(function: Callable[[], object], device: str) -> float:
    """MiB that a call needs at its peak beyond what is in use before it.

    CPU: resident memory of the process. Memory that earlier work has freed is returned to the
    system first where that is possible (glibc), so that it hides nothing. Where the mark of the
    peak cannot be reset (macOS, Windows), an earlier, higher peak makes the result too large.
    """
    if device == "cuda":
        before = torch.cuda.memory_allocated() / MIB
    else:
        # The matrix product library takes its workspace once per process, whatever the path.
        torch.ones(64, 64) @ torch.ones(64, 64)
        with contextlib.suppress(AttributeError, OSError, TypeError):
            ctypes.CDLL(None).malloc_trim(0)
        before = psutil.Process().memory_info().rss / MIB
    reset_peak_memory(device)
    function()
    if device == "cuda":
        torch.cuda.synchronize()
    return peak_memory_mib(device) - before
