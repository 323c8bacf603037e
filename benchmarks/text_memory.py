"""Peak memory of one piece of work, by the operating system's own account."""

from __future__ import annotations

import ctypes
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import torch

MIB = 2**20
_STATUS = Path("/proc/self/status")


def peak_mib(function: Callable[[], object], device: str) -> float:
    """MiB that a call needs at its peak beyond what is in use before it.

    CPU: resident memory of the process. On Linux the kernel's mark of the peak is set back first
    and freed memory is returned, so that what earlier work left behind hides nothing; elsewhere the
    mark cannot be set back, and the result is too small if an earlier peak was higher.
    """
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        function()
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before) / MIB
    # The matrix product library takes its workspace once per process, whatever the path.
    torch.ones(64, 64) @ torch.ones(64, 64)
    if not _STATUS.exists():
        before = process_peak_mib(device)
        function()
        return process_peak_mib(device) - before
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _status_mib("VmRSS")
    function()
    return _status_mib("VmHWM") - before


def process_peak_mib(device: str) -> float:
    """Highest memory in MiB so far: of the whole process, or what the CUDA allocator gave out."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / MIB
    if _STATUS.exists():
        # Not getrusage: on Linux its peak is handed down from the process that started this one.
        return _status_mib("VmHWM")
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB


def _status_mib(key: str) -> float:
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"{_STATUS} has no line {key}.")
