"""What a clusterer is, and the clustering that it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    import torch

CLUSTERERS: Registry[Clusterer] = Registry(
    "clusterer", "ldpf.domains.clustering", variable="CLUSTERERS"
)
"""Clusterers by the name that settings use."""


@dataclass(frozen=True)
class Clustering:
    """Result of one round.

    Attributes:
        centroids: [S, Z] float32.
        assignments: [N] int64, the latent domain of each image.
    """

    centroids: torch.Tensor
    assignments: torch.Tensor


class Clusterer:
    """Base of clusterers: a frozen dataclass of settings that clusters domain features.

    Attributes:
        spherical: whether an image is assigned to the centroid with the largest cosine, like the
            fusion weights; otherwise to the nearest one by Euclidean distance.
    """

    spherical: ClassVar[bool]
    registered_name: ClassVar[str]

    def fit(self, z: torch.Tensor, n_domains: int, seed: int) -> Clustering:
        """Divide domain features into exactly `n_domains` latent domains, none of them empty.

        Args:
            z: [N, Z], centered on the training images.
            n_domains: S.
            seed: of every random draw.

        Raises:
            SettingsError: there are fewer (different) images than latent domains.
        """
        raise NotImplementedError

    def centroids_of(self, z: torch.Tensor, group: torch.Tensor, n_domains: int) -> torch.Tensor:
        """Centroids [S, Z] of given domains [N], as `fit` would compute them for these members."""
        raise NotImplementedError
