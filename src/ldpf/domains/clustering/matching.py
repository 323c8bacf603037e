"""Ids that stay the same from one round to the next, and numbers of domains that can be filled."""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment

from ldpf.domains.clustering.base import Clustering
from ldpf.errors import SettingsError
from ldpf.utils.constraints import Whole, check_value


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
    check_value("n_domains", n_domains, Whole(at_least=1))
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
