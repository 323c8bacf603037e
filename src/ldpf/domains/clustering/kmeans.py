"""k-means on domain features in Euclidean space."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans as SklearnKMeans
from threadpoolctl import threadpool_limits

from ldpf.domains.clustering.base import CLUSTERERS, Clusterer, Clustering
from ldpf.domains.clustering.matching import check_n_domains, group_means
from ldpf.domains.clustering.sampling import blocks, sample_rows
from ldpf.utils.constraints import Whole, check_fields, constraint


@CLUSTERERS.register("kmeans")
@dataclass(frozen=True)
class KMeans(Clusterer):
    """k-means by Euclidean distance (arXiv 2511.00067, step 2).

    Runs in one thread: scikit-learn adds up centroids in the order in which threads finish, and a
    repeated run would differ in its last bits.

    Attributes:
        restarts: k-means++ starts; the one of the least inertia is taken.
    """

    restarts: int = field(default=4, metadata=constraint(Whole(at_least=1)))
    spherical = False

    def __post_init__(self) -> None:
        check_fields(self)

    def fit(self, z: torch.Tensor, n_domains: int, seed: int) -> Clustering:
        """See `Clusterer.fit`."""
        check_n_domains(z, n_domains)
        z = z.detach()
        with threadpool_limits(limits=1), warnings.catch_warnings():
            warnings.simplefilter("ignore", category=UserWarning)
            # scikit-learn takes a number here, though its type says only "auto".
            restarts: Any = self.restarts
            model = SklearnKMeans(n_domains, n_init=restarts, random_state=seed % (2**32))
            model.fit(sample_rows(z, seed).double().numpy())
            parts = [model.predict(block.double().numpy()) for block in blocks(z)]
            assignments = np.concatenate(parts)
        centroids = torch.from_numpy(model.cluster_centers_).float()
        return Clustering(centroids, torch.from_numpy(assignments.astype(np.int64)))

    def centroids_of(self, z: torch.Tensor, group: torch.Tensor, n_domains: int) -> torch.Tensor:
        """The mean of each domain."""
        return group_means(z, group, n_domains)
