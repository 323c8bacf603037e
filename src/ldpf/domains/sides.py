"""Latent domains joined to two sides, so that a larger shift than one of them can be left out."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def two_sides(z: torch.Tensor, domains: torch.Tensor, n_domains: int) -> torch.Tensor:
    """The side, 0 or 1, of each latent domain.

    The two groups of latent domains whose mean domain features have the largest cosine are joined,
    until two groups are left. A latent domain may be a part of one site; leaving it out alone
    then leaves out nothing new, since the other parts stay. Its nearest neighbors are left out
    with it here.

    Args:
        z: domain features [N, Z].
        domains: latent domain [N] of each image.
        n_domains: S.

    Returns:
        Sides [S]; 0 for the one that holds latent domain 0. All are 0 where S is 1.
    """
    sums = torch.zeros(n_domains, z.shape[1], dtype=torch.float64)
    sums.index_add_(0, domains, z.double())
    groups = [[domain] for domain in range(n_domains)]
    while len(groups) > 2:
        means = F.normalize(torch.stack([sums[group].sum(dim=0) for group in groups]), dim=1)
        cosines = (means @ means.T).fill_diagonal_(-torch.inf)
        first, second = sorted(divmod(int(cosines.argmax()), len(groups)))
        groups[first] += groups.pop(second)
    sides = torch.zeros(n_domains, dtype=torch.int64)
    for side, group in enumerate(groups):
        sides[group] = side
    return sides
