"""A new site that is outside of everything learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ldpf.doctor.base import SIGNS, Measurement, NotMeasured, Sign, Unit
from ldpf.doctor.case import Case
from ldpf.domains.diagnosis import judge_distance
from ldpf.domains.ood import QUANTILE
from ldpf.expectation.intervals import wilson


@SIGNS.register("outside", title="New site outside of every latent domain", order=50, serious=True)
@dataclass(frozen=True)
class Outside(Sign):
    """Many of the new images are unlike every training image.

    The figure is the lower end of the 95% interval (Wilson) of the share that `OutsideCheck` calls
    outside; of images of the training sources one in a hundred is.
    """

    threshold: float = 0.05
    meaning: ClassVar[str] = (
        "The new site lies outside of what was learned from, so fusion weights and accuracy on "
        "held-out images say little about it."
    )
    unit: ClassVar[Unit] = Unit.SHARE

    def measure(self, case: Case) -> Measurement:
        """Count the new images that are outside; see `Sign.measure`."""
        photos = case.new_photos
        check = case.classifier.outside
        if check is None:
            raise NotMeasured("the model has no check for images from outside; train it again")
        outside = int(check.is_outside(photos.features).sum())
        low, high = wilson(outside, len(photos))
        words = (
            f"{outside:,} of {len(photos):,} new images ({low:.0%} to {high:.0%}) are unlike every "
            f"training image; {1 - QUANTILE:.0%} of images of the training sources are"
        )
        return Measurement(low, words, self._details(case))

    def _details(self, case: Case) -> tuple[str, ...]:
        latent, photos = case.classifier.latent, case.new_photos
        if latent is None or latent.n_domains < 2 or case.train is None:
            return ()
        cosines = (
            latent.similarities(images.features).max(dim=1).values.tolist()
            for images in (photos, case.train)
        )
        said = judge_distance("the new site", *cosines)
        return () if said is None else (said.text,)

    def next_step(self, case: Case, measurement: Measurement) -> str:
        """Measure there, with labels; or see the answers image by image."""
        command = "evaluate" if case.labeled else "predict"
        return f"ldpf {command} {case.model_path} {case.photos_path}"
