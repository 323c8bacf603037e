"""The same picture on both sides of a comparison, or under two classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ldpf.doctor.base import SIGNS, Measurement, NotMeasured, Sign, Unit
from ldpf.doctor.case import Case
from ldpf.inspection.leaks import SEEN, Leak, check_split, find_leak

SHOWN = 10
"""Pairs that are named."""


@SIGNS.register("near-duplicates", title="Near-duplicates", order=80, serious=True, quick=True)
@dataclass(frozen=True)
class NearDuplicates(Sign):
    """Held-out or new images are also among the training images, or images have two classes.

    What counts as the same picture is said in `ldpf.features.duplicates`. The figure is the largest
    share among the comparisons: held-out with training images, new ones with both, and training and
    held-out images with those of other classes.
    """

    threshold: float = 0.01
    meaning: ClassVar[str] = (
        "The model has seen these pictures, so accuracy on them is too high for new ones, or one "
        "of two labels is wrong."
    )
    unit: ClassVar[Unit] = Unit.SHARE

    def measure(self, case: Case) -> Measurement:
        """Compare all images that are at hand; see `Sign.measure`."""
        seen = case.training
        parts = () if case.held_out is None else (case.held_out,)
        report = check_split(seen, parts) if case.leaks is None else case.leaks
        leaks = list(report.leaks)
        if case.photos is not None and len(case.photos):
            whole = seen if case.held_out is None else seen.joined(case.held_out)
            leaks.append(find_leak(case.photos, whole, SEEN))
        compared = [leak for leak in leaks if leak.asked]
        if not compared:
            raise NotMeasured("there is nothing to compare")
        worst = max(compared, key=_share)
        words = "; ".join(
            f"{len(leak.images):,} of {leak.asked:,} {leak.kind.of}s are {leak.kind.are}"
            for leak in compared
        )
        pairs = (image.words for image in worst.images[:SHOWN])
        return Measurement(_share(worst), words, tuple(pairs), {"seen": worst.kind is SEEN})

    def next_step(self, case: Case, measurement: Measurement) -> str:
        """List the pairs; or measure on images that were not seen."""
        if measurement.facts["seen"]:
            return f"ldpf evaluate {case.model_path} OTHER-IMAGES"
        return case.train_again("--fail-on-leaks")


def _share(leak: Leak) -> float:
    return len(leak.images) / leak.asked if leak.asked else 0.0
