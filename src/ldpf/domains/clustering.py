"""k-means on domain features, and ids that stay the same from one round to the next."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from ldpf.errors import SettingsError

MAX_FIT_SAMPLES = 20_000
"""k-means is fitted on at most this many images; the others are assigned afterwards."""

_RESTARTS = 4


@dataclass(frozen=True)
class Clustering:
    """Result of one round.

    Attributes:
        centroids: [S, Z] float32.
        assignments: [N] int64, the latent domain of each image.
    """

    centroids: torch.Tensor
    assignments: torch.Tensor


def kmeans(z: torch.Tensor, n_domains: int, seed: int) -> Clustering:
    """Cluster domain features into exactly `n_domains` non-empty latent domains.

    Runs in one thread: scikit-learn adds up centroids in the order in which threads finish, and a
    repeated run would differ in its last bits.

    Args:
        z: [N, Z].
        n_domains: S.
        seed: of the k-means++ starts and, beyond `MAX_FIT_SAMPLES` images, of the sample.

    Raises:
        SettingsError: fewer images, or fewer different ones, than latent domains.
    """
    check_n_domains(z, n_domains)
    points = z.detach().double().numpy()
    sample = points
    if len(points) > MAX_FIT_SAMPLES:
        chosen = np.random.default_rng(seed).choice(len(points), MAX_FIT_SAMPLES, replace=False)
        sample = points[np.sort(chosen)]
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", category=UserWarning)
        model = KMeans(n_domains, n_init=_RESTARTS, random_state=seed % (2**32)).fit(sample)
        assignments = model.predict(points)
    centroids = torch.from_numpy(model.cluster_centers_).float()
    return Clustering(centroids, torch.from_numpy(assignments.astype(np.int64)))


def group_means(values: torch.Tensor, group: torch.Tensor, n_groups: int) -> torch.Tensor:
    """Mean of the rows of each group, differentiable in `values`.

    Args:
        values: [N, Z].
        group: [N] int64, ids below `n_groups`; every group needs a row.

    Returns:
        [n_groups, Z].
    """
    # A product with the membership matrix: adding rows up in place has no fixed order on a GPU.
    members = torch.nn.functional.one_hot(group, n_groups).to(values)  # [N, n_groups]
    return members.T @ values / members.sum(dim=0)[:, None]


def check_n_domains(z: torch.Tensor, n_domains: int) -> None:
    """Refuse a number of latent domains that the images cannot fill.

    Raises:
        SettingsError: n_domains below 1, above the number of images, or above the number of
            different images (duplicates count once).
    """
    if n_domains < 1:
        raise SettingsError(f"n_domains={n_domains} should be at least 1.")
    if len(z) < n_domains:
        raise SettingsError(
            f"n_samples={len(z)} should be >= n_domains={n_domains}: every latent domain needs at "
            "least one training image. Use fewer latent domains or more images."
        )
    # Most data passes after a look at a few rows; only suspiciously repetitive data is sorted.
    if len(torch.unique(z[: 64 * n_domains], dim=0)) >= n_domains:
        return
    distinct = len(torch.unique(z, dim=0))
    if distinct < n_domains:
        raise SettingsError(
            f"n_distinct_samples={distinct} should be >= n_domains={n_domains}: the {len(z)} "
            f"training images hold only {distinct} different ones. Use fewer latent domains or "
            "more images."
        )


def match_to_previous(previous: torch.Tensor, current: Clustering) -> Clustering:
    """Rename latent domains so that as many images as possible keep their id (Kuhn-Munkres).

    Args:
        previous: [N] assignments of the round before.
        current: this round's clustering with arbitrary ids.

    Returns:
        The same clustering with ids permuted.
    """
    n_domains = len(current.centroids)
    overlap = torch.zeros(n_domains, n_domains, dtype=torch.int64)
    overlap.index_put_((current.assignments, previous), torch.ones_like(previous), accumulate=True)
    new_ids, old_ids = linear_sum_assignment(overlap.numpy(), maximize=True)
    rename = torch.empty(n_domains, dtype=torch.int64)
    rename[torch.from_numpy(new_ids)] = torch.from_numpy(old_ids)
    centroids = torch.empty_like(current.centroids)
    centroids[rename] = current.centroids
    return Clustering(centroids, rename[current.assignments])
