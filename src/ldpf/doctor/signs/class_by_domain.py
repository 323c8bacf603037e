"""Class and domain that go together, as with one scanner for the sick."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ldpf.doctor.base import SIGNS, Measurement, NotMeasured, Sign, Unit
from ldpf.doctor.case import Case, Groups
from ldpf.domains.diagnostics import cross_table
from ldpf.domains.disentangle.auto import Auto
from ldpf.domains.disentangle.overlap import measure_overlap

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet


@SIGNS.register(
    "class-by-domain", title="Class and domain go together", order=15, serious=True, quick=True
)
@dataclass(frozen=True)
class ClassByDomain(Sign):
    """The class of an image can be predicted from its domain.

    The figure is Cramér's V of class and domain with the correction of Bergsma (2013): 0
    independent, 1 one gives the other away. Where domains are known these are meant. Otherwise they
    are clusters of features as they are, where `disentangle=auto` would not erase the class (see
    `ldpf.domains.disentangle.auto`); where it would, such clusters follow classes because classes
    are the larger part of the features, and the latent domains themselves count.
    """

    threshold: float = 0.4
    meaning: ClassVar[str] = (
        "Class and domain go together in these images: taking the class out of the latent domains "
        "takes the domain out too, and the model may answer with the domain."
    )
    unit: ClassVar[Unit] = Unit.NUMBER

    def measure(self, case: Case) -> Measurement:
        """Compare classes with domains; see `Sign.measure`."""
        train = case.training
        n_classes = len(train.class_names)
        groups, how = self._groups(case, train)
        if len(train.labels.unique()) < 2 or len(groups.ids.unique()) < 2:
            raise NotMeasured("there is only one class, or only one domain")
        table = cross_table(groups.ids, train.labels, len(groups.names), n_classes)
        figure = cramers_v(table)
        words = (
            f"Cramér's V of class and {groups.kind} is {figure:.2f} (0: independent, 1: the same)"
            f"{how}"
        )
        present = [k for k in range(n_classes) if table[:, k].any()]
        details = tuple(
            f"{name}: " + ", ".join(f"{train.class_names[k]} {row[k]:,}" for k in present)
            for name, row in zip(groups.names, table, strict=True)
            if row.any()
        )
        return Measurement(figure, words, details)

    def _groups(self, case: Case, train: FeatureSet) -> tuple[Groups, str]:
        groups = case.groups_of(train)
        if groups.known:
            return groups, ""
        rule, n_classes = Auto(), len(train.class_names)
        overlap = measure_overlap(
            train.features, train.labels, n_classes, rule.clusterer, rule.n_domains
        )
        told = f"; erasing the class removes {max(overlap.removed, 0):.0%} of the domains"
        if not rule.go_together(overlap):
            return groups, told
        found = case.clusters_with_class.assign(train.features)
        return replace(groups, ids=found), f"{told}, so it was left in here"

    def next_step(self, case: Case, measurement: Measurement) -> str:
        """Leave the class in where it goes with the domain."""
        return case.train_again("--set disentangle=auto")


def cramers_v(table: np.ndarray) -> float:
    """Cramér's V of counts [R, C], corrected for chance (Bergsma 2013), from 0 to 1."""
    table = np.asarray(table, dtype=float)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    n, (rows, columns) = table.sum(), table.shape
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / n
    phi = ((table - expected) ** 2 / expected).sum() / n
    phi = max(0.0, phi - (columns - 1) * (rows - 1) / (n - 1))
    most = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return float(np.sqrt(phi / most)) if most > 0 else 0.0
