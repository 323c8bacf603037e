"""Whether class and latent domain go together, so that erasing the one erases the other."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from sklearn.metrics import normalized_mutual_info_score

from ldpf.domains.clustering.base import Clusterer
from ldpf.domains.disentangle.class_centered import ClassCentered


@dataclass(frozen=True)
class Overlap:
    """What classes and clusters of image features share, found without erasing anything.

    Attributes:
        class_nmi: normalized mutual information of these clusters and the classes.
        removed: how much of the difference between clusters, among images of one class, erasing
            the class takes away beyond what it takes of all differences within classes: 0 as much
            as of any direction, 1 everything.
        within: the difference between clusters among images of one class, relative to that among
            all images: 0 where clusters are classes, about 1 where each class has all clusters.
    """

    class_nmi: float
    removed: float
    within: float


def measure_overlap(
    features: torch.Tensor,
    labels: torch.Tensor,
    n_classes: int,
    clusterer: Clusterer,
    n_domains: int,
    seed: int = 0,
) -> Overlap:
    """Measure `Overlap` on training images.

    High mutual information alone has two readings: the clusters of image features are classes (an
    eraser is needed), or classes come from domains of their own (erasing removes the domains). The
    images of one class tell them apart. Where class and domain go together, class means differ by
    domain too, and the few images of a class from elsewhere differ from the others of their class
    in the directions of the class means, which is what erasing takes away.

    Args:
        features: f [N, D].
        labels: class ids [N].
        n_classes: K.
        clusterer: divides image features as they are.
        n_domains: into so many clusters.
        seed: of every random draw.

    Raises:
        SettingsError: the images cannot fill so many clusters.
    """
    erasing = ClassCentered().fit(features, labels, n_classes)
    x = erasing.standardize(features)
    assigned = clusterer.fit(x, n_domains, seed).assignments
    counts = torch.bincount(labels, minlength=n_classes).clamp_min(1)
    x = x.double()
    means = x.new_zeros(n_classes, x.shape[1]).index_add_(0, labels, x) / counts[:, None]
    within = x - means[labels]
    cells = labels * n_domains + assigned  # the images of one class in one cluster
    between = _group_effects(within, cells, n_classes * n_domains)  # [K * S, D]
    overall = _group_effects(x, assigned, n_domains)  # [S, D]
    matrix = erasing.matrix.double()
    anywhere = _removed(within, matrix)
    at_clusters = _removed(between, matrix)
    return Overlap(
        class_nmi=float(normalized_mutual_info_score(labels.numpy(), assigned.numpy())),
        removed=(at_clusters - anywhere) / max(1 - anywhere, 1e-12),
        within=float(between.square().sum() / overall.square().sum().clamp_min(1e-20)),
    )


def _group_effects(rows: torch.Tensor, group: torch.Tensor, n_groups: int) -> torch.Tensor:
    """Group means [G, D] of centered rows [N, D], each times the root of the group's size.

    Their squared lengths add up to those of the images, each taken as the mean of its group.
    """
    sums = rows.new_zeros(n_groups, rows.shape[1]).index_add_(0, group, rows)
    sizes = torch.bincount(group, minlength=n_groups).clamp_min(1)
    return sums / sizes.sqrt()[:, None]


def _removed(rows: torch.Tensor, projection: torch.Tensor) -> float:
    """Share of the squared length of rows [N, D] that an orthogonal projection [D, D] removes."""
    length = float(rows.square().sum())
    return 0.0 if length < 1e-20 else 1 - float((rows @ projection.T).square().sum()) / length
