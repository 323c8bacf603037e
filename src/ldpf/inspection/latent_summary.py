"""Summary of latent domains: their images, a map of z, and what sets each of them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA

from ldpf.inspection.typical_images import typical_images
from ldpf.utils.seed import generator

if TYPE_CHECKING:
    from ldpf.domains import FittedDomains
    from ldpf.features.feature_set import FeatureSet

MAP_IMAGES = 3000
"""Images on the map at most."""

MAP_OTHERS = 600
"""Other images on the map at most."""

_NOTHING = 1e-4  # of image features of length one


@dataclass(frozen=True)
class LatentImages:
    """Images in their latent domains, compactly.

    Attributes:
        paths: of the n images.
        labels: [n] class ids.
        known: [n] ids into `known_names`; None where domains are unknown.
        known_names: names of the known domains.
        assigned: [n] the latent domain of each image (its k-means cell).
        distances: [n] to the centroid of that latent domain, in z.
        cosines: [n] largest cosine of z to a centroid.
        directions: [S, D] of length one: how the image features of a latent domain differ from
            those of other images of the same classes; see `style_directions`.
        map_rows: [m] the images on the map.
        points: [m, 2] z of these on its first two principal components.
        other_points: [q, 2] other images (the target's) on the same plane; q may be 0.
    """

    paths: tuple[str, ...]
    labels: torch.Tensor
    known: torch.Tensor | None
    known_names: tuple[str, ...]
    assigned: torch.Tensor
    distances: torch.Tensor
    cosines: torch.Tensor
    directions: torch.Tensor
    map_rows: torch.Tensor
    points: torch.Tensor
    other_points: torch.Tensor

    @property
    def n_domains(self) -> int:
        """S."""
        return len(self.directions)

    @property
    def sizes(self) -> list[int]:
        """Images in each latent domain, [S]."""
        return torch.bincount(self.assigned.long(), minlength=self.n_domains).tolist()

    def typical(self, limit: int) -> list[list[int]]:
        """For each latent domain the rows of images that show it; see `typical_images`."""
        rows = typical_images(
            self.assigned.numpy(),
            self.distances.numpy(),
            self.labels.numpy(),
            self.n_domains,
            limit,
        )
        return [part.tolist() for part in rows]

    def groupings(
        self, known: str, names: Sequence[str] | None = None
    ) -> dict[str, tuple[np.ndarray, Sequence[str]]]:
        """How the images on the map are grouped, for `map_figure`.

        Args:
            known: what the known domains are called, such as "true domain".
            names: of the latent domains; None for their numbers.

        Returns:
            By what the groups are: the group [m] of each image on the map, and the groups' names.
        """
        names = names or [f"latent {s}" for s in range(self.n_domains)]
        groupings = {"latent domain": (self.assigned[self.map_rows].numpy(), names)}
        if self.known is not None and self.known_names:
            groupings[known] = (self.known[self.map_rows].numpy(), self.known_names)
        return groupings


def describe_latent(
    latent: FittedDomains, images: FeatureSet, others: FeatureSet | None = None, seed: int = 0
) -> LatentImages:
    """Put images into latent domains, and draw the map of z.

    The plane is spanned by the first two principal components of z over `images`; of many images
    the map shows a sample.

    Args:
        latent: extractor and centroids.
        images: to put into latent domains, such as those trained on.
        others: to lay on the same plane, such as those of the target.
        seed: of the sample.
    """
    z = latent.domain_features(images.features)
    assigned = latent.assign(images.features)
    draws = generator(seed, "map of domain features")
    rows = torch.randperm(len(images), generator=draws)[:MAP_IMAGES].sort().values
    plane = _plane(z[rows])
    other = torch.zeros(0, 2)
    if others is not None and len(others):
        picked = torch.randperm(len(others), generator=draws)[:MAP_OTHERS]
        other = _project(plane, latent.domain_features(others.features[picked]))
    return LatentImages(
        paths=tuple(images.paths),
        labels=images.labels,
        known=images.domains,
        known_names=tuple(images.domain_names),
        assigned=assigned,
        distances=(z - latent.centroids[assigned]).norm(dim=1),
        cosines=latent.similarities(images.features).max(dim=1).values,
        directions=style_directions(
            images.features, images.labels, assigned, latent.n_domains, len(images.class_names)
        ),
        map_rows=rows,
        points=_project(plane, z[rows]),
        other_points=other,
    )


def _plane(z: torch.Tensor) -> PCA:
    """The plane of largest spread of z [m, Z], the same one every time."""
    # One image, or a z of one dimension, spans no plane, and one image has no variance.
    with np.errstate(invalid="ignore"):
        return PCA(min(2, *z.shape), svd_solver="full").fit(z.numpy())


def _project(plane: PCA, z: torch.Tensor) -> torch.Tensor:
    """z [m, Z] on the plane, [m, 2]; an axis that is missing is zero."""
    points = torch.from_numpy(plane.transform(z.numpy())).float()
    return F.pad(points, (0, 2 - points.shape[1]))


def style_directions(
    features: torch.Tensor,
    labels: torch.Tensor,
    assigned: torch.Tensor,
    n_domains: int,
    n_classes: int,
) -> torch.Tensor:
    """How each latent domain's image features differ from those of all images, classes apart.

    The mean over its images of f minus the mean of f over the image's class, at length one; zero
    for a latent domain without images, or with whole classes and nothing else.

    Args:
        features: [N, D].
        labels: [N] class ids.
        assigned: [N] latent domains.

    Returns:
        [S, D].
    """
    residual = features - _means(features, labels, n_classes)[labels]
    means = _means(residual, assigned, n_domains)
    length = means.norm(dim=1, keepdim=True)
    # A latent domain that is a class has nothing else to it: rounding must not look like a style.
    return torch.where(length > _NOTHING, means / length.clamp_min(_NOTHING), 0.0)


def _means(values: torch.Tensor, groups: torch.Tensor, n_groups: int) -> torch.Tensor:
    """Mean of each group's rows [n_groups, D]; zero for a group without rows."""
    members = F.one_hot(groups, n_groups).to(values)  # [N, n_groups]
    return members.T @ values / members.sum(dim=0).clamp_min(1)[:, None]
