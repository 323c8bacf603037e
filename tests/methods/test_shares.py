from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ldpf.methods.shares import stacked_shares


def answers(labels, correct, sharpness=3.0, seed=0):
    """log p(y|x) [N, K] of a member that is right on about this share of the images."""
    draws = torch.Generator().manual_seed(seed)
    n, k = len(labels), 4
    right = torch.rand(n, generator=draws) < correct
    other = (labels + torch.randint(1, k, (n,), generator=draws)) % k
    answer = torch.where(right, labels, other)
    return (sharpness * F.one_hot(answer, k)).float().log_softmax(dim=1)


@pytest.fixture
def images():
    draws = torch.Generator().manual_seed(9)
    return torch.randint(4, (600,), generator=draws), torch.arange(600) % 3


def test_shares_sum_to_one(images):
    labels, domains = images
    shares = stacked_shares([answers(labels, 0.9), answers(labels, 0.5, seed=1)], labels, domains)
    assert sum(shares) == pytest.approx(1) and min(shares) >= 0


def test_a_member_that_knows_nothing_gets_hardly_a_share(images):
    labels, domains = images
    members = [answers(labels, 0.9), answers(labels, 0.25, seed=1)]
    assert stacked_shares(members, labels, domains)[1] < 0.1


def test_members_that_are_equally_good_share_equally(images):
    labels, domains = images
    members = [answers(labels, 0.8), answers(labels, 0.8, seed=1)]
    assert stacked_shares(members, labels, domains) == pytest.approx((0.5, 0.5), abs=0.1)


def test_a_strong_pull_gives_equal_shares(images):
    labels, domains = images
    members = [answers(labels, 0.9), answers(labels, 0.3, seed=1)]
    assert stacked_shares(members, labels, domains, pull=1e3) == pytest.approx((0.5, 0.5), abs=1e-2)


def test_the_loss_at_the_shares_is_the_lowest_of_a_grid(images):
    labels, domains = images
    members = [answers(labels, 0.8), answers(labels, 0.6, seed=1)]
    share = stacked_shares(members, labels, domains, pull=0.0)[0]

    def loss(q):
        mixed = q * members[0] + (1 - q) * members[1]
        return min(F.cross_entropy(a * mixed, labels).item() for a in torch.linspace(0.1, 4, 80))

    grid = {q / 50: loss(q / 50) for q in range(51)}
    assert loss(share) <= min(grid.values()) + 1e-3


def test_every_latent_domain_counts_the_same():
    # Member 0 is right on the small domain alone, member 1 on the large one.
    labels = torch.arange(440) % 4
    domains = (torch.arange(440) < 400).long()
    good, bad = answers(labels, 0.9), answers(labels, 0.3, seed=1)
    small, large = domains == 0, domains == 1
    first = torch.where(small[:, None], good, bad)
    second = torch.where(large[:, None], good, bad)
    assert stacked_shares([first, second], labels, domains) == pytest.approx((0.5, 0.5), abs=0.1)


def test_a_class_that_a_member_never_answers_leaves_finite_shares(images):
    labels, domains = images
    never = answers(labels, 0.9).clone()
    never[:, 3] = -torch.inf
    shares = stacked_shares([answers(labels, 0.8), never], labels, domains)
    assert sum(shares) == pytest.approx(1)


def test_no_image_gives_equal_shares():
    none = torch.empty(0, dtype=torch.int64)
    assert stacked_shares([torch.empty(0, 4)] * 3, none, none) == (1 / 3,) * 3
