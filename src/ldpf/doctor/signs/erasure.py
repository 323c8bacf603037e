"""Whether taking the class out of the latent domains hurts at the new site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ldpf.doctor.base import SIGNS, Measurement, NotMeasured, Sign, Unit
from ldpf.doctor.case import NEEDS_LABELS, Case
from ldpf.domains.fitted import FittedDomains
from ldpf.heads.linear_probe_balanced import BalancedProbe


@SIGNS.register("erasure", title="Erasing the class hurts", order=16, serious=True)
@dataclass(frozen=True)
class Erasure(Sign):
    """Latent domains that keep the class give a better balanced probe at the new site.

    The balanced probe stands for the model, since it is fitted in seconds. Held-out images do not
    serve: where class and domain go together they do so in these as well. The figure is the
    difference of the two accuracies on the new images.
    """

    threshold: float = 0.03
    meaning: ClassVar[str] = (
        "Class and domain go together in the training images, so that erasing the class from the "
        "latent domains erases the domain."
    )
    unit: ClassVar[Unit] = Unit.POINTS

    def measure(self, case: Case) -> Measurement:
        """Fit the probe with both kinds of latent domains; see `Sign.measure`."""
        latent = case.latent
        if case.photos is None or not case.labeled:
            raise NotMeasured(NEEDS_LABELS.replace("did not learn from", "never saw, as DATA"))
        erased, kept = (
            _accuracy(case, latent_domains) for latent_domains in (latent, case.clusters_with_class)
        )
        words = (
            f"a probe balanced over the latent domains has {erased:.1%} of the new images right, "
            f"over latent domains that keep the class {kept:.1%}"
        )
        return Measurement(kept - erased, words)

    def next_step(self, case: Case, measurement: Measurement) -> str:
        """Leave the class in."""
        return case.train_again("--set disentangle=none")


def _accuracy(case: Case, latent: FittedDomains) -> float:
    train, photos = case.training, case.new_photos
    head = BalancedProbe().fit(
        train.features,
        train.labels,
        latent.assign(train.features),
        n_classes=len(train.class_names),
    )
    answers = head.logits(photos.features).argmax(dim=1)
    return float((answers == photos.labels).double().mean())
