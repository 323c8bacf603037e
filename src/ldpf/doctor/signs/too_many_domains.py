"""More latent domains than the images show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from ldpf.doctor.base import SIGNS, Measurement, NotMeasured, Sign, Unit
from ldpf.doctor.case import Case
from ldpf.domains.clustering.spherical import SphericalKMeans
from ldpf.domains.disentangle.class_centered import ClassCentered
from ldpf.domains.how_many.auto import Auto


@SIGNS.register("too-many-domains", title="More latent domains than there are", order=40)
@dataclass(frozen=True)
class TooManyDomains(Sign):
    """Halves of the images give other latent domains, or random points are as stable.

    Judged as `n_domains=auto` judges (`ldpf.domains.how_many.auto`, clusterwise stability of Hennig
    2007 and the silhouette beyond that of structureless points), for 2 to N_s latent domains. The
    figure is how many latent domains too many there are.
    """

    threshold: float = 0.0
    meaning: ClassVar[str] = "Latent domains split on noise, and each prompt learns from less."
    unit: ClassVar[Unit] = Unit.COUNT

    def measure(self, case: Case) -> Measurement:
        """Choose a number of at most N_s; see `Sign.measure`."""
        train, n_domains = case.training, case.latent.n_domains
        simple = ClassCentered().fit(train.features, train.labels, len(train.class_names))
        with torch.no_grad():
            z = simple(train.features)
        chosen = Auto(most=n_domains).choose(z, SphericalKMeans(), case.seed)
        if not chosen.table:
            raise NotMeasured("there are too few training images to halve them")
        words = f"{n_domains} latent domains, of which the training images show {chosen.n_domains}"
        details = tuple(
            f"{row['n_domains']} latent domains: stability of the least stable one "
            f"{row['stability']:.2f}, silhouette {row['gain']:+.3f} against structureless points"
            for row in chosen.table
        )
        facts = {"n_domains": chosen.n_domains}
        return Measurement(n_domains - chosen.n_domains, words, details, facts)

    def next_step(self, case: Case, measurement: Measurement) -> str:
        """Train with as many as the images show."""
        return case.train_again(f"--n-domains {measurement.facts['n_domains']}")
