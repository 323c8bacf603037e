"""Time and peak memory of a stretch of work in this process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.methods import Method
    from ldpf.models.base import Classifier
    from ldpf.training.callbacks import RunRecord


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
