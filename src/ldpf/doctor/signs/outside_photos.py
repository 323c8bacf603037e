"""A new site that is outside of everything learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ldpf.doctor.base import SIGNS, Measurement, NotMeasured, Sign, Unit
from ldpf.doctor.case import Case
from ldpf.domains.diagnosis import judge_distance
from ldpf.expectation.nearness import MIN_MEMBERS
from ldpf.utils.text import count


@SIGNS.register("outside", title="New site outside of every latent domain", order=50, serious=True)
@dataclass(frozen=True)
class Outside(Sign):
    """The new site is farther from every latent domain than these are from each other.

    The figure is the distance to the nearest latent domain as a multiple of the largest distance of
    two of them (`ldpf.expectation.nearness`), as `ldpf expect` judges it.
    """

    threshold: float = 1.0
    meaning: ClassVar[str] = (
        "The new site lies outside of what was learned from, so fusion weights and accuracy on "
        "held-out images say little about it."
    )
    unit: ClassVar[Unit] = Unit.NUMBER

    def measure(self, case: Case) -> Measurement:
        """Compare distances; see `Sign.measure`."""
        photos, nearness = case.new_photos, case.nearness
        if len(photos) < MIN_MEMBERS:
            raise NotMeasured(
                f"needs {MIN_MEMBERS} new images or more to tell where their site lies; there "
                f"{'is' if len(photos) == 1 else 'are'} {len(photos)}"
            )
        between = max(nearness.between, default=0.0)
        if between <= 0:
            raise NotMeasured("there are no two latent domains that differ, to compare with")
        distances = nearness.of_site(photos.features)
        nearest = min(distances, key=distances.__getitem__)
        words = (
            f"the new site is {distances[nearest]:.2f} from the nearest latent domain ({nearest}); "
            f"latent domains are up to {between:.2f} apart"
        )
        return Measurement(distances[nearest] / between, words, self._details(case))

    def _details(self, case: Case) -> tuple[str, ...]:
        latent, photos = case.classifier.latent, case.new_photos
        said = []
        if case.classifier.expectation is not None:
            n = int(case.classifier.expectation.outside(photos.features)[1].sum())
            said.append(
                f"{n:,} of {count(len(photos), 'new image')} are pictures of nothing or far from "
                "every class (column outside of ldpf predict)"
            )
        if latent is None or latent.n_domains < 2 or case.train is None:
            return tuple(said)
        cosines = (
            latent.similarities(images.features).max(dim=1).values.tolist()
            for images in (photos, case.train)
        )
        judged = judge_distance("the new site", *cosines)
        return (*said, judged.text) if judged is not None else tuple(said)

    def next_step(self, case: Case, measurement: Measurement) -> str:
        """Measure there, with labels; or estimate the accuracy without."""
        command = "evaluate" if case.labeled else "expect"
        return f"ldpf {command} {case.model_path} {case.photos_path}"
