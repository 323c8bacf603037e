"""As many latent domains as two halves of the images both show, or one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from threadpoolctl import threadpool_limits

from ldpf.domains.clustering.base import Clusterer
from ldpf.domains.diagnostics import ari, cross_table
from ldpf.domains.how_many.base import HOW_MANY, Chosen, HowMany
from ldpf.domains.how_many.silhouette import normal_points, silhouette_of
from ldpf.errors import SettingsError
from ldpf.utils.constraints import Number, Whole, check_fields, constraint
from ldpf.utils.seed import derived_seed


@HOW_MANY.register("auto")
@dataclass(frozen=True)
class Auto(HowMany):
    """The largest number whose clusters are all stable and beat structureless points, or 1.

    A cluster is stable if the clusterings of two random halves of the images both have it: after
    the clusters of one are matched to those of the other, the Jaccard index of the least stable
    pair counts (clusterwise stability, Hennig 2007, which calls clusters from 0.75 on valid). The
    mean over all images, such as an adjusted Rand index, hides the one domain that is divided
    without reason. The silhouette must exceed that of points without clusters, as for
    `silhouette`, since such points may be divided stably too.

    Attributes:
        most: the largest number tried.
        halvings: divisions of the images into random halves that stability is measured on.
        least_stability: the Jaccard index that is asked of every latent domain; 1 is always the
            same.
        least_gain: by how much the silhouette must exceed that of normally distributed points of
            the same covariance.
        sample: images that are looked at, at most.
    """

    most: int = field(default=8, metadata=constraint(Whole(at_least=1)))
    halvings: int = field(default=4, metadata=constraint(Whole(at_least=1)))
    least_stability: float = field(default=0.75, metadata=constraint(Number(at_least=0, at_most=1)))
    least_gain: float = field(default=0.01, metadata=constraint(Number(at_least=0, at_most=1)))
    sample: int = field(default=2000, metadata=constraint(Whole(at_least=10)))

    def __post_init__(self) -> None:
        check_fields(self)

    def choose(self, z: torch.Tensor, clusterer: Clusterer, seed: int) -> Chosen:
        """See `HowMany.choose`.

        The table has `stability`, `rand` (adjusted Rand index of the two halves, for comparison),
        `silhouette`, `reference` (of structureless points) and `gain`, their difference.
        """
        z = z[np.sort(np.random.default_rng(seed).permutation(len(z))[: self.sample])]
        everything, cloud = np.arange(len(z)), normal_points(z, seed)
        table: list[dict[str, Any]] = []
        for n_domains in range(2, self.most + 1):
            value = silhouette_of(z, everything, n_domains, clusterer, seed)
            agreement = self._agreement(z, n_domains, clusterer, seed)
            if value is None or agreement is None:  # the images cannot fill so many
                break
            reference = silhouette_of(cloud, everything, n_domains, clusterer, seed) or 0.0
            table.append(
                {
                    "n_domains": n_domains,
                    **agreement,
                    "silhouette": value,
                    "reference": reference,
                    "gain": value - reference,
                }
            )
        passed = [
            row["n_domains"]
            for row in table
            if row["stability"] >= self.least_stability and row["gain"] > self.least_gain
        ]
        return Chosen(max(passed, default=1), table)

    def _agreement(
        self, z: torch.Tensor, n_domains: int, clusterer: Clusterer, seed: int
    ) -> dict[str, float] | None:
        """`stability` and `rand` of clusterings of halves of z [N, Z]; None with too few images."""
        jaccard, rand = [], []
        for i in range(self.halvings):
            draws = np.random.default_rng(derived_seed(seed, f"halves {i}"))
            order = draws.permutation(len(z))
            middle = len(z) // 2
            try:
                first, second = (
                    _assigned(z, np.sort(part), n_domains, clusterer, seed)
                    for part in (order[:middle], order[middle:])
                )
            except SettingsError:
                return None
            jaccard.append(matched_jaccard(first, second, n_domains))
            rand.append(ari(first, second))
        return {
            "stability": float(np.mean(jaccard, axis=0).min()),
            "rand": float(np.mean(rand)),
        }


def matched_jaccard(first: torch.Tensor, second: torch.Tensor, n_domains: int) -> np.ndarray:
    """How well each cluster of `first` [N] is one of `second` [N]: Jaccard indices, [n_domains].

    Clusters are matched one to one so that the sum is largest. The indices are in ascending order,
    since ids of different clusterings have no relation.
    """
    shared = cross_table(first, second, n_domains, n_domains)
    union = shared.sum(axis=1)[:, None] + shared.sum(axis=0)[None, :] - shared
    jaccard = shared / np.maximum(union, 1)
    return np.sort(jaccard[linear_sum_assignment(jaccard, maximize=True)])


def _assigned(
    z: torch.Tensor, part: np.ndarray, n_domains: int, clusterer: Clusterer, seed: int
) -> torch.Tensor:
    """Cluster of every row of z [N, Z] in the clustering of the rows `part`, [N]."""
    centroids = clusterer.fit(z[part], n_domains, seed).centroids
    with threadpool_limits(limits=1):
        if clusterer.spherical:
            return (z @ centroids.T).argmax(dim=1)
        return torch.cdist(z, centroids).argmin(dim=1)
