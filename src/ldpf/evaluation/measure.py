"""Time and peak memory of a stretch of work in this process."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.classifier import Classifier
    from ldpf.features import FeatureSet
    from ldpf.methods import Method
    from ldpf.training import RunRecord

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def reset_peak_memory() -> None:
    """Start a new peak where the system can (Linux); elsewhere the peak is the process's."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return


def peak_memory_mib() -> float:
    """Largest resident size since `reset_peak_memory`, in MiB."""
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024**2 if sys.platform == "darwin" else peak / 1024


def timed_fit(
    method: Method,
    train: FeatureSet,
    validation: FeatureSet,
    backbone: Backbone,
    seed: int,
    record: RunRecord,
) -> tuple[Classifier, float]:
    """`method.fit`, with the seconds it took, those before an interruption included."""
    started = time.perf_counter()
    classifier = method.fit(train, validation, backbone, seed=seed, record=record)
    return classifier, time.perf_counter() - started + record.seconds_before
