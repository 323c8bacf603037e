"""Time and peak memory of a training."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ldpf.utils.resources import peak_memory_mib, reset_peak_memory

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.methods import Method
    from ldpf.models.base import Classifier
    from ldpf.training.callbacks import RunRecord


@dataclass(frozen=True)
class MeasuredFit:
    """A training and what it took.

    Attributes:
        classifier: the result.
        seconds: wall time, including the part before an interruption.
        peak_mib: largest memory in MiB: of the GPU where it computes on one, else of the process.
    """

    classifier: Classifier
    seconds: float
    peak_mib: float


def measured_fit(
    method: Method,
    train: FeatureSet,
    validation: FeatureSet,
    backbone: Backbone,
    seed: int,
    record: RunRecord,
) -> MeasuredFit:
    """`method.fit`, with its time and memory."""
    reset_peak_memory(backbone.device)
    started = time.perf_counter()
    classifier = method.fit(train, validation, backbone, seed=seed, record=record)
    seconds = time.perf_counter() - started + record.seconds_before
    return MeasuredFit(classifier, seconds, peak_memory_mib(backbone.device))
