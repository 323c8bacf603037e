"""Erase the class, unless class and latent domain go together."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import torch

from ldpf.domains.clustering.base import Clusterer
from ldpf.domains.clustering.spherical import SphericalKMeans
from ldpf.domains.disentangle.base import DISENTANGLERS, Disentangler
from ldpf.domains.disentangle.leace import Leace
from ldpf.domains.disentangle.none import NoDisentangler
from ldpf.domains.disentangle.overlap import Overlap, measure_overlap
from ldpf.domains.disentangle.run import DisentanglerRun
from ldpf.errors import SettingsError
from ldpf.utils.constraints import Number, Whole, check_fields, constraint

log = logging.getLogger("ldpf")


@DISENTANGLERS.register("auto")
@dataclass(frozen=True)
class Auto(Disentangler):
    """Another disentangler, unless class and latent domain are correlated (ours).

    A map that takes the class out takes the domain out with it where each class comes mainly from
    a domain of its own, such as one scanner for the sick. Before G is computed, image features are
    clustered as they are, and `measure_overlap` says what these clusters share with classes. If
    all three of its numbers exceed their thresholds, nothing is erased, and a warning says so. How
    often that is right is in docs/research.md.

    Attributes:
        eraser: what takes the class out where nothing speaks against it.
        class_nmi: normalized mutual information of clusters and classes from which on they may go
            together.
        removed: share of the difference between clusters from which on erasing removes domains.
        within: difference between clusters within classes, relative to that among all images, from
            which on clusters are more than classes.
        n_domains: clusters that are looked for.
        clusterer: that divides image features.
        images_per_cell: images for each class in each cluster, on average, that the measurement
            needs; with fewer the class is erased.
    """

    eraser: Disentangler = field(default_factory=Leace)
    class_nmi: float = field(default=0.05, metadata=constraint(Number(at_least=0, at_most=1)))
    removed: float = field(default=0.25, metadata=constraint(Number(at_least=0, at_most=1)))
    within: float = field(default=0.12, metadata=constraint(Number(at_least=0)))
    n_domains: int = field(default=3, metadata=constraint(Whole(at_least=2)))
    clusterer: Clusterer = field(default_factory=SphericalKMeans)
    images_per_cell: float = field(default=4.0, metadata=constraint(Number(at_least=0)))

    def __post_init__(self) -> None:
        check_fields(self)
        if isinstance(self.eraser, Auto):
            raise SettingsError("eraser='auto' should be another disentangler, such as 'leace'.")

    def start(
        self,
        features: torch.Tensor,
        labels: torch.Tensor,
        n_classes: int,
        generator: torch.Generator,
    ) -> DisentanglerRun[Any]:
        """The run of `eraser`, or of `none`; its `noted` holds what was measured."""
        overlap = self.measure(features, labels, n_classes)
        run = self._chosen(overlap).start(features, labels, n_classes, generator)
        run.noted = {
            "erased": overlap is None or not self.go_together(overlap),
            "overlap_class_nmi": None if overlap is None else overlap.class_nmi,
            "overlap_removed": None if overlap is None else overlap.removed,
        }
        return run

    def fit(self, features: torch.Tensor, labels: torch.Tensor, n_classes: int) -> Any:
        """G, where `eraser` computes it at once."""
        overlap = self.measure(features, labels, n_classes)
        return self._chosen(overlap).fit(features, labels, n_classes)

    def _chosen(self, overlap: Overlap | None) -> Disentangler:
        together = overlap is not None and self.go_together(overlap)
        return NoDisentangler() if together else self.eraser

    def go_together(self, overlap: Overlap) -> bool:
        """Whether erasing the class would erase the domains."""
        return (
            overlap.class_nmi >= self.class_nmi
            and overlap.removed >= self.removed
            and overlap.within >= self.within
        )

    def measure(
        self, features: torch.Tensor, labels: torch.Tensor, n_classes: int
    ) -> Overlap | None:
        """What clusters of features [N, D] share with classes [N]; None with too few images."""
        classes = max(len(labels.unique()), 1)
        few = len(labels) < self.images_per_cell * classes * self.n_domains
        try:
            overlap = (
                None
                if classes == 1 or few
                else measure_overlap(features, labels, n_classes, self.clusterer, self.n_domains)
            )
        except SettingsError:  # too few different images
            overlap = None
        if overlap is None:
            log.info("disentangle=auto: too few images to tell if class and domain go together")
        elif self.go_together(overlap):
            log.warning(
                "disentangle=auto: class and latent domain go together (mutual information %.2f; "
                "erasing the class would remove %.0f%% of what tells domains apart), so nothing is "
                "erased: %s is switched off",
                overlap.class_nmi,
                100 * overlap.removed,
                getattr(self.eraser, "registered_name", "the eraser"),
            )
        else:
            log.info(
                "disentangle=auto: the class is erased (mutual information with clusters %.2f, "
                "share of their difference that goes with it %.0f%%)",
                overlap.class_nmi,
                100 * max(overlap.removed, 0.0),
            )
        return overlap
