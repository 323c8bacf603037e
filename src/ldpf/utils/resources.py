"""Memory: what this process has used at most, and what there is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    import torch

_MIB = 2**20
_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_CGROUP = Path("/sys/fs/cgroup")


def reset_peak_memory(device: torch.device | str = "cpu") -> None:
    """Start a new peak for `peak_memory_mib`, on a GPU or in a Linux process.

    Elsewhere a peak is that of the whole process.
    """
    if _is_cuda(device):
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        return
    try:
        _CLEAR.write_text("5")
    except OSError:
        return


def peak_memory_mib(device: torch.device | str = "cpu") -> float:
    """Largest memory since `reset_peak_memory`, in MiB.

    CUDA: what torch has allocated on the card. Otherwise the resident memory of this process.
    """
    if _is_cuda(device):
        import torch

        return torch.cuda.max_memory_allocated(device) / _MIB
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return _process_peak_mib()


def total_memory_mib() -> float:
    """Memory of this machine, or the limit of the control group it runs in, in MiB."""
    total = psutil.virtual_memory().total / _MIB
    limit = _cgroup_value("memory.max")
    return total if limit is None else min(total, limit / _MIB)


def available_memory_mib(device: torch.device | str = "cpu") -> float:
    """Memory that a new allocation on `device` can count on, in MiB.

    CUDA: free on the card. Otherwise what the system calls available, or what is left below the
    limit of a control group.
    """
    if _is_cuda(device):
        import torch

        return torch.cuda.mem_get_info(device)[0] / _MIB
    available = psutil.virtual_memory().available / _MIB
    limit, used = _cgroup_value("memory.max"), _cgroup_value("memory.current")
    if limit is None or used is None:
        return available
    return min(available, (limit - used) / _MIB)


def _is_cuda(device: torch.device | str) -> bool:
    return str(device).startswith("cuda")


def _process_peak_mib() -> float:
    memory = psutil.Process().memory_info()
    if (peak := getattr(memory, "peak_wset", None)) is not None:  # Windows
        return peak / _MIB
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / _MIB if psutil.MACOS else peak / 1024


def _cgroup_value(name: str) -> int | None:
    """A number of the control group (version 2) in bytes; None where there is none or no limit."""
    try:
        return int((_CGROUP / name).read_text(encoding="ascii"))
    except (OSError, ValueError):  # "max" is no limit
        return None
