from __future__ import annotations

import torch
import torch.nn.functional as F

from ldpf.domains.sides import two_sides
from ldpf.utils.seed import generator


def points(
    directions: list[list[float]], per_domain: int = 20
) -> tuple[torch.Tensor, torch.Tensor]:
    """z [N, Z] around directions, with the latent domain [N] of each."""
    centers = F.normalize(torch.tensor(directions), dim=1)
    domains = torch.arange(len(directions)).repeat_interleave(per_domain)
    noise = torch.randn(len(domains), centers.shape[1], generator=generator(0, "noise"))
    return F.normalize(centers[domains] + 0.05 * noise, dim=1), domains


def test_the_nearest_latent_domains_are_on_one_side():
    z, domains = points([[1.0, 0.1], [-1.0, 0.0], [1.0, -0.1]])
    assert two_sides(z, domains, 3).tolist() == [0, 1, 0]


def test_four_are_joined_by_pairs():
    z, domains = points([[-1.0, 0.2], [1.0, 0.1], [-1.0, 0.0], [1.0, -0.1]])
    assert two_sides(z, domains, 4).tolist() == [0, 1, 0, 1]


def test_two_are_a_side_each_and_one_has_one():
    z, domains = points([[1.0, 0.0], [0.0, 1.0]])
    assert two_sides(z, domains, 2).tolist() == [0, 1]
    assert two_sides(z[domains == 0], domains[domains == 0], 1).tolist() == [0]


def test_other_names_of_the_domains_give_the_same_sides():
    z, domains = points([[1.0, 0.1], [-1.0, 0.0], [1.0, -0.1], [0.9, 0.5]])
    order = torch.tensor([2, 0, 3, 1])
    sides, renamed = two_sides(z, domains, 4), two_sides(z, order[domains], 4)
    same = [sides[a] == sides[b] for a in range(4) for b in range(4)]
    assert same == [renamed[order[a]] == renamed[order[b]] for a in range(4) for b in range(4)]
