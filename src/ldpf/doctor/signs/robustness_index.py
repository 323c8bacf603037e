"""Whether the backbone's features are nearer by class or by domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from ldpf.doctor.base import SIGNS, Measurement, NotMeasured, Sign, Unit
from ldpf.doctor.case import Case
from ldpf.utils.seed import generator

SAMPLE = 3000
"""Images that are looked at, at most."""


@SIGNS.register("robustness-index", title="Robustness Index of the backbone", order=70, quick=True)
@dataclass(frozen=True)
class RobustnessIndex(Sign):
    """Among neighbors with the same class or domain, not both, the share with the same class.

    The Robustness Index of de Jong, Marcus and Teuwen, "Current Pathology Foundation Models are
    Unrobust to Medical Center Differences" (2025, arXiv 2501.18055), over the k nearest neighbors
    by cosine. Domains are the known ones or else latent ones.

    Attributes:
        threshold: 0.5: as many neighbors share the domain alone as share the class alone.
        neighbors: k.
    """

    threshold: float = 0.5
    neighbors: int = 10
    meaning: ClassVar[str] = (
        "Among an image's neighbors more share its site than its class: the backbone sees the site "
        "first, and a classifier on it may learn the site."
    )
    unit: ClassVar[Unit] = Unit.NUMBER
    low_is_bad: ClassVar[bool] = True

    def measure(self, case: Case) -> Measurement:
        """Count neighbors of a sample of the training images; see `Sign.measure`."""
        train = case.training
        order = torch.randperm(len(train), generator=generator(case.seed, "robustness index"))
        images = train.subset(order[:SAMPLE].sort().values)
        groups = case.groups_of(images)
        if len(groups.ids.unique()) < 2:
            raise NotMeasured(f"there is only one {groups.kind}")
        by_class, by_domain = neighbor_counts(
            images.features, images.labels, groups.ids, self.neighbors
        )
        if not by_class + by_domain:
            raise NotMeasured("every neighbor shares both class and domain, or neither")
        figure = by_class / (by_class + by_domain)
        words = (
            f"{figure:.2f}: of {self.neighbors} nearest neighbors {by_class:.1f} share the class "
            f"and not the {groups.kind}, {by_domain:.1f} the {groups.kind} and not the class"
        )
        return Measurement(figure, words)

    def next_step(self, case: Case, measurement: Measurement) -> str:
        """Try another backbone, or one trained on such images."""
        return case.train_again("--backbone ANOTHER-BACKBONE")


def neighbor_counts(
    features: torch.Tensor, labels: torch.Tensor, domains: torch.Tensor, neighbors: int
) -> tuple[float, float]:
    """Neighbors that share the class alone, and the domain alone, of an image on average.

    Args:
        features: [N, D] of length one.
        labels, domains: [N].
        neighbors: k; fewer where there are fewer images.
    """
    cosines = features @ features.T
    cosines.fill_diagonal_(-torch.inf)
    near = cosines.topk(min(neighbors, len(features) - 1), dim=1).indices  # [N, k]
    same_class = labels[near] == labels[:, None]
    same_domain = domains[near] == domains[:, None]
    by_class = (same_class & ~same_domain).sum(dim=1).double().mean()
    by_domain = (same_domain & ~same_class).sum(dim=1).double().mean()
    return float(by_class), float(by_domain)
