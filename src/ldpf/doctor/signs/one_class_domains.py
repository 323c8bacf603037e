"""Latent domains that are one class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ldpf.doctor.base import SIGNS, Measurement, NotMeasured, Sign, Unit
from ldpf.doctor.case import Case
from ldpf.domains.diagnostics import cross_table


@SIGNS.register(
    "one-class-domains",
    title="Latent domains of one class",
    order=20,
    serious=True,
    quick=True,
)
@dataclass(frozen=True)
class OneClassDomains(Sign):
    """A latent domain has images of hardly more than one class.

    The figure is the largest share of one class in a latent domain, corrected for chance as Cohen's
    kappa is: (share - p) / (1 - p), with p the share of the class among all images.
    """

    threshold: float = 0.6
    meaning: ClassVar[str] = (
        "A latent domain is a class and no style: its prompt learns the other classes only as "
        "wrong answers."
    )
    unit: ClassVar[Unit] = Unit.SHARE

    def measure(self, case: Case) -> Measurement:
        """Find the purest latent domain; see `Sign.measure`."""
        latent, train = case.latent, case.training
        if len(train.labels.unique()) < 2:
            raise NotMeasured("all training images are of one class")
        names = train.class_names
        assigned = latent.assign(train.features)
        table = cross_table(assigned, train.labels, latent.n_domains, len(names))  # [S, K]
        overall = table.sum(axis=0) / len(train)
        shares = table / table.sum(axis=1, keepdims=True).clip(1)
        # A class that is all images but a few would be pure everywhere.
        excess = (shares - overall) / (1 - overall).clip(1e-9)
        s, k = divmod(int(excess.argmax()), len(names))
        words = (
            f"latent domain {s} is {shares[s, k]:.0%} {names[k]!r}, which is {overall[k]:.0%} of "
            f"all training images: {excess[s, k]:.0%} beyond chance"
        )
        lines = (
            f"latent domain {row}: "
            + ", ".join(f"{name} {share:.0%}" for name, share in zip(names, part, strict=True))
            for row, part in enumerate(shares)
        )
        return Measurement(float(excess[s, k]), words, tuple(lines))

    def next_step(self, case: Case, measurement: Measurement) -> str:
        """Take the class out in closed form, with fewer latent domains."""
        fewer = max(case.classifier.n_domains - 1, 1)
        return case.train_again(f"--set disentangle=leace --n-domains {fewer}")
