"""k-means on the unit sphere: images are assigned by the cosine that fusion weighs them by."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.cluster import kmeans_plusplus
from threadpoolctl import threadpool_limits

from ldpf.domains.clustering.base import CLUSTERERS, Clusterer, Clustering
from ldpf.domains.clustering.matching import check_n_domains, group_means
from ldpf.domains.clustering.sampling import blocks, sample_rows
from ldpf.errors import SettingsError
from ldpf.utils.constraints import Whole, check_fields, constraint
from ldpf.utils.seed import derived_seed


@CLUSTERERS.register("spherical-kmeans")
@dataclass(frozen=True)
class SphericalKMeans(Clusterer):
    """k-means by cosine, with z and centroids of length one (Dhillon & Modha 2001).

    An image belongs to the centroid of the largest cosine. So the latent domain that an image is
    assigned to is the one with the largest fusion weight, also for a domain around the mean of z,
    whose Euclidean centroid is near zero and has no meaningful direction.

    Attributes:
        restarts: k-means++ starts; the one of the largest sum of cosines is taken.
        iterations: of one start at most.
    """

    restarts: int = field(default=10, metadata=constraint(Whole(at_least=1)))
    iterations: int = field(default=100, metadata=constraint(Whole(at_least=1)))
    spherical = True

    def __post_init__(self) -> None:
        check_fields(self)

    def fit(self, z: torch.Tensor, n_domains: int, seed: int) -> Clustering:
        """See `Clusterer.fit`."""
        z = z.detach()
        _check_directions(z, n_domains)
        with threadpool_limits(limits=1):  # sums in a fixed order
            sample = _directions(sample_rows(z, seed))
            fits = [self._one_start(sample, n_domains, seed, i) for i in range(self.restarts)]
            # Of equally good ones the first: rounding must not decide.
            best = max(range(len(fits)), key=lambda i: (round(fits[i][0], 9), -i))
            centroids = torch.from_numpy(fits[best][1]).float()
        of_blocks = [torch.from_numpy(_directions(b)).float() @ centroids.T for b in blocks(z)]
        cosines = torch.cat(of_blocks).numpy()  # [N, S]
        return Clustering(centroids, torch.from_numpy(_assign(cosines)))

    def centroids_of(self, z: torch.Tensor, group: torch.Tensor, n_domains: int) -> torch.Tensor:
        """The direction of each domain's mean, of z of length one."""
        return F.normalize(group_means(F.normalize(z, dim=-1), group, n_domains), dim=-1)

    def _one_start(
        self, points: np.ndarray, n_domains: int, seed: int, number: int
    ) -> tuple[float, np.ndarray]:
        """Mean cosine to the own centroid, and the centroids [S, Z], of one start."""
        start = derived_seed(seed, f"start {number}") % 2**32
        centroids = _unit(kmeans_plusplus(points, n_domains, random_state=start)[0])
        assigned = np.full(len(points), -1)
        for _ in range(self.iterations):
            now = _assign(points @ centroids.T)
            if (now == assigned).all():
                break
            assigned = now
            members = np.eye(n_domains)[assigned]  # [N, S]
            centroids = _unit(members.T @ points)
        return float((points @ centroids.T).max(axis=1).mean()), centroids


def _check_directions(z: torch.Tensor, n_domains: int) -> None:
    """Refuse more domains than z [N, Z] has directions; images in one direction count once."""
    # Rounding must not tell them apart. A look at the first rows is enough for most data.
    try:
        check_n_domains(torch.from_numpy(_directions(z[: 64 * n_domains]).round(6)), n_domains)
    except SettingsError:
        rounded = [torch.from_numpy(_directions(block).round(6)) for block in blocks(z)]
        check_n_domains(torch.cat(rounded), n_domains)


def _directions(z: torch.Tensor) -> np.ndarray:
    """Rows of z [n, Z] at length one, in double precision."""
    return _unit(z.double().numpy())


def _assign(cosines: np.ndarray) -> np.ndarray:
    """The centroid of the largest cosine for each row of [N, S], and no centroid without a row.

    A centroid that is no row's best takes the row that fits worst where it is, of those whose own
    centroid has others.
    """
    assigned = cosines.argmax(axis=1)
    fit = cosines.max(axis=1)
    sizes = np.bincount(assigned, minlength=cosines.shape[1])
    for empty in np.flatnonzero(sizes == 0):
        free = np.flatnonzero(sizes[assigned] > 1)
        worst = free[fit[free].argmin()]
        sizes[assigned[worst]] -= 1
        assigned[worst], sizes[empty] = empty, 1
    return assigned


def _unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length one; a row of zeros stays as it is."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
