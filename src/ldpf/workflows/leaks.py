"""The leak checks of the workflows, and what comes of what they find."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ldpf.errors import DataError
from ldpf.inspection.bursts import burst_hint
from ldpf.inspection.leaks import (
    NO_LEAKS,
    SEEN,
    TARGET,
    Leak,
    LeakReport,
    find_class_leak,
    find_leak,
)
from ldpf.inspection.seen_images import read_seen_images

if TYPE_CHECKING:
    from ldpf.experiments.plan import BenchmarkPlan
    from ldpf.features.feature_set import FeatureSet

log = logging.getLogger("ldpf")

SEEN_IMAGES = "images.safetensors"
"""File in a model's folder `training` that says which images it was trained on."""


def report_leaks(report: LeakReport, *, fail: bool) -> LeakReport:
    """Warn of leaks, or stop because of them.

    Raises:
        DataError: there are some, and `fail` is True.
    """
    if fail:
        report.refuse()
    if report:
        log.warning("%s", report.paragraph())
    return report


def hint_at_bursts(data: FeatureSet) -> None:
    """Say so in one line where images look like bursts and nobody said what belongs together."""
    hint = burst_hint(data)
    if hint is not None:
        log.warning("%s", hint.sentence())


def check_protocol(data: FeatureSet, plan: BenchmarkPlan) -> LeakReport:
    """Test images of each case of a benchmark against its training images, and between classes.

    Args:
        data: features with known domains.
        plan: of the benchmark; the split of its first seed is looked at.
    """
    leaks: list[Leak] = []
    for case in plan.rules.cases(plan.targets or data.domain_names):
        try:
            episode = plan.rules.episode(data, case, 0, plan.train_share)
        except DataError:  # the runs of this case say why, and stop no other
            continue
        learned = episode.train.joined(episode.validation)
        leaks.append(find_leak(episode.test, learned, TARGET, plan.rules.case_words(case)))
    return LeakReport((*leaks, find_class_leak(data)))


def check_seen(data: FeatureSet, model: Path) -> LeakReport:
    """New images against those that a model was trained on.

    Nothing is compared where the model's folder does not say which they were: it was copied without
    its folder `training`, or made by `LDPFClassifier.save`.
    """
    both = read_seen_images(model / "training" / SEEN_IMAGES, data)
    if both is None:
        log.info("the model keeps no record of its training images: no leak check")
        return NO_LEAKS
    return LeakReport((find_leak(*both, kind=SEEN),))
