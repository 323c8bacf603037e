"""Class and domain that go together, as with one scanner for the sick."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch

from ldpf.doctor.base import SIGNS, Measurement, NotMeasured, Sign, Unit
from ldpf.doctor.case import Case, Groups
from ldpf.domains.diagnostics import cross_table
from ldpf.features.feature_set import FeatureSet
from ldpf.inspection.latent_summary import style_directions

ALONG = 0.7
"""Share of the class along latent domains, relative to all directions, from which the two mix."""


@SIGNS.register(
    "class-by-domain", title="Class and domain go together", order=15, serious=True, quick=True
)
@dataclass(frozen=True)
class ClassByDomain(Sign):
    """The domain of an image gives its class away.

    The figure is Cramér's V of class and domain with the correction of Bergsma (2013): 0
    independent, 1 one gives the other away. Where domains are known these are meant. Otherwise they
    are clusters found without taking the class out, but only if class means differ along the latent
    domains about as much as along all directions (`along_domains`); if not, clusters follow classes
    because classes are the larger part of the features, and the latent domains themselves count.
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
        along = along_domains(train, groups.ids, len(groups.names))
        told = f"; along latent domains classes differ {along:.2f} times as much as on average"
        if along < ALONG:
            return groups, told
        clusters = case.clusters_with_class
        return replace(groups, ids=clusters.assign(train.features)), f"{told}, class not taken out"

    def next_step(self, case: Case, measurement: Measurement) -> str:
        """Leave the class in, and compare."""
        return case.train_again("--set discovery.disentangle=none")


def along_domains(images: FeatureSet, assigned: torch.Tensor, n_domains: int) -> float:
    """How much classes differ along latent domains, relative to how much they differ at all.

    Both are shares of variance between class means (eta squared): of the features in the plane that
    the style directions of the latent domains span, and of all features. Style directions are
    differences within classes. In balanced data they hold the domain and little of the class, so
    the ratio is far below 1; where a class has a domain of its own, class means differ by it.

    Args:
        images: labeled, [N].
        assigned: latent domain of each, [N].
        n_domains: S, at least 2.
    """
    features, labels = images.features.double(), images.labels
    n_classes = len(images.class_names)
    directions = style_directions(features, labels, assigned, n_domains, n_classes)
    # S directions span S - 1 dimensions, since weighted by size they sum to zero.
    _, _, basis = torch.linalg.svd(directions, full_matrices=False)
    plane = features @ basis[: n_domains - 1].T
    return between_classes(plane, labels) / max(between_classes(features, labels), 1e-12)


def between_classes(values: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of the variance of values [N, d] that lies between the means of classes [N]."""
    centered = values - values.mean(dim=0)
    total = centered.square().sum()
    between = sum(
        float((labels == k).sum()) * centered[labels == k].mean(dim=0).square().sum()
        for k in labels.unique()
    )
    return float(between / total.clamp_min(1e-12))


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
