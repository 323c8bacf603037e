"""Typical images: those that show a person what a latent domain looks like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ldpf.inspection.contact_sheet import Panel
from ldpf.utils.text import count

if TYPE_CHECKING:
    from ldpf.domains import FittedDomains
    from ldpf.features.feature_set import FeatureSet


def typical_images(
    assigned: np.ndarray, distances: np.ndarray, labels: np.ndarray, n_domains: int, limit: int
) -> list[np.ndarray]:
    """For each latent domain the images nearest to its centroid, class by class in turn.

    Nearest alone would often show a single class, and a viewer would see the class instead of the
    style.

    Args:
        assigned: [N] latent domain of each image.
        distances: [N] to the centroid of that latent domain.
        labels: [N] class ids.
        n_domains: S.
        limit: how many images of each to choose at most.

    Returns:
        For each latent domain rows into the images, see `class_by_class`.
    """
    return [
        class_by_class(distances, labels, np.flatnonzero(assigned == s), limit)
        for s in range(n_domains)
    ]


def typical_of(latent: FittedDomains, images: FeatureSet, limit: int) -> list[np.ndarray]:
    """`typical_images` of the latent domains that images are assigned to."""
    assigned = latent.assign(images.features)
    z = latent.domain_features(images.features)
    distances = (z - latent.centroids[assigned]).norm(dim=1)
    return typical_images(
        assigned.numpy(), distances.numpy(), images.labels.numpy(), latent.n_domains, limit
    )


def typical_panels(
    latent: FittedDomains, images: FeatureSet, root: Path, limit: int
) -> list[Panel]:
    """A panel of typical images for each latent domain, for a contact sheet.

    Args:
        latent: extractor and centroids.
        images: to choose from.
        root: folder that their paths start from.
        limit: images in a panel at most.
    """
    sizes = np.bincount(latent.assign(images.features).numpy(), minlength=latent.n_domains)
    return [
        Panel(
            f"Latent domain {s}",
            f"{count(int(size), 'image')} · {size / max(len(images), 1):.0%}",
            tuple(root / images.paths[i] for i in rows),
            tuple(images.class_names[images.labels[i]] for i in rows),
        )
        for s, (size, rows) in enumerate(zip(sizes, typical_of(latent, images, limit), strict=True))
    ]


def class_by_class(
    order: np.ndarray, labels: np.ndarray, members: np.ndarray, limit: int
) -> np.ndarray:
    """Choose some images so that classes take turns.

    Args:
        order: [N], smallest first.
        labels: [N] class ids.
        members: [n] rows to choose from.
        limit: how many to choose at most.

    Returns:
        Rows: the first of each class (in their order), then the second of each, and so on.
    """
    ordered = members[np.argsort(order[members], kind="stable")]
    turns = np.empty(len(ordered), dtype=np.int64)
    seen: dict[int, int] = {}
    for position, label in enumerate(labels[ordered].tolist()):
        turns[position] = seen.get(label, 0)
        seen[label] = turns[position] + 1
    return ordered[np.argsort(turns, kind="stable")][:limit]
