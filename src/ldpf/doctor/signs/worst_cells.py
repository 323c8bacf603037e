"""Latent domains in which a class fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ldpf.doctor.base import SIGNS, Measurement, NotMeasured, Sign, Unit
from ldpf.doctor.case import Case
from ldpf.domains.diagnostics import cross_table
from ldpf.expectation.intervals import wilson

SHOWN = 5


@SIGNS.register("worst-cells", title="Worst latent domain and class", order=100, quick=True)
@dataclass(frozen=True)
class WorstCells(Sign):
    """The model is far less accurate for some class in some latent domain than on all images.

    Wilson intervals (Wilson 1927) tell failing from few images. Their level is 95% for all cells
    together (Bonferroni), since the worst of many is picked. The figure is how far the upper end of
    the worst cell's interval lies below the accuracy on all images.

    Attributes:
        threshold: as a share.
        min_count: cells with fewer images are not looked at.
    """

    threshold: float = 0.05
    min_count: int = 10
    meaning: ClassVar[str] = (
        "One class fails in one latent domain, which the mean over all images hides."
    )
    unit: ClassVar[Unit] = Unit.POINTS

    def measure(self, case: Case) -> Measurement:
        """Accuracy of each cell of the judged images; see `Sign.measure`."""
        where, images = case.judged
        groups = case.latent_groups_of(images)
        shape = (len(groups.names), len(images.class_names))
        right = case.answers.argmax(dim=1) == images.labels
        total = cross_table(groups.ids, images.labels, *shape)
        hits = cross_table(groups.ids[right], images.labels[right], *shape)
        cells = np.argwhere(total >= self.min_count)
        if not len(cells):
            raise NotMeasured(
                f"{where}: no class has {self.min_count} of them in one latent domain"
            )
        overall = float(right.double().mean())
        rows = []
        for s, k in cells.tolist():
            low, high = wilson(int(hits[s, k]), int(total[s, k]), 1 - 0.05 / len(cells))
            told = (
                f"{groups.names[s]}, {images.class_names[k]}: "
                f"{hits[s, k] / total[s, k]:.0%} of {total[s, k]} right ({low:.0%} to {high:.0%})"
            )
            rows.append((overall - high, told))
        rows.sort(key=lambda row: -row[0])
        figure, worst = rows[0]
        words = f"{worst}, and {overall:.0%} of all {len(images):,} {where}"
        return Measurement(figure, words, tuple(told for _, told in rows[:SHOWN]))

    def next_step(self, case: Case, measurement: Measurement) -> str:
        """See the images of the latent domain."""
        return f"ldpf domains {case.model_path} {case.training_path} --out latent-domains"
