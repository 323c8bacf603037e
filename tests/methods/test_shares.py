from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from ldpf.methods.shares import SOFTNESS, least_regret_shares


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
    shares = least_regret_shares(
        [answers(labels, 0.9), answers(labels, 0.5, seed=1)], labels, domains
    )
    assert sum(shares) == pytest.approx(1) and min(shares) >= 0


def test_a_member_that_knows_nothing_gets_hardly_a_share(images):
    labels, domains = images
    members = [answers(labels, 0.9), answers(labels, 0.25, seed=1)]
    assert least_regret_shares(members, labels, domains)[1] < 0.1


def test_members_that_are_equally_good_share_equally(images):
    labels, domains = images
    members = [answers(labels, 0.8), answers(labels, 0.8, seed=1)]
    assert least_regret_shares(members, labels, domains) == pytest.approx((0.5, 0.5), abs=0.1)


def test_a_strong_pull_gives_equal_shares(images):
    labels, domains = images
    members = [answers(labels, 0.9), answers(labels, 0.3, seed=1)]
    assert least_regret_shares(members, labels, domains, pull=1e3) == pytest.approx(
        (0.5, 0.5), abs=1e-2
    )


@pytest.mark.slow
def test_the_largest_regret_at_the_shares_is_the_lowest_of_a_grid(images):
    labels, domains = images
    first = torch.where((domains == 0)[:, None], answers(labels, 0.4), answers(labels, 0.9))
    members = [first, answers(labels, 0.7, seed=1)]
    share = least_regret_shares(members, labels, domains, pull=0.0)[0]

    def losses(logits):
        return torch.stack(
            [F.cross_entropy(logits[domains == d], labels[domains == d]) for d in range(3)]
        )

    best = torch.stack([losses(member) for member in members]).amin(dim=0)

    def regret(q):
        mixed = q * members[0] + (1 - q) * members[1]
        return min(float((losses(a * mixed) - best).max()) for a in torch.linspace(0.1, 4, 80))

    grid = {q / 50: regret(q / 50) for q in range(51)}
    # The maximum is a soft one: it lies at most SOFTNESS log(folds) above the largest.
    assert regret(share) <= min(grid.values()) + SOFTNESS * math.log(3)
    assert regret(share) < min(regret(0.0), regret(1.0)) - 0.05


def test_a_fold_that_is_hard_for_all_members_does_not_rule():
    # No member knows anything in fold 0, where a mixture could win little; fold 1 tells them apart.
    labels = torch.arange(800) % 4
    folds = (torch.arange(800) >= 400).long()
    hard = folds == 0
    nothing = [answers(labels, 0.25, seed=seed) for seed in (2, 3)]
    good, bad = answers(labels, 0.9), answers(labels, 0.4, seed=1)
    members = [torch.where(hard[:, None], n, m) for n, m in zip(nothing, (good, bad), strict=True)]
    assert least_regret_shares(members, labels, folds)[0] > 0.7


def test_every_latent_domain_counts_the_same():
    # Member 0 is right on the small domain alone, member 1 on the large one.
    labels = torch.arange(440) % 4
    domains = (torch.arange(440) < 400).long()
    good, bad = answers(labels, 0.9), answers(labels, 0.3, seed=1)
    small, large = domains == 0, domains == 1
    first = torch.where(small[:, None], good, bad)
    second = torch.where(large[:, None], good, bad)
    assert least_regret_shares([first, second], labels, domains) == pytest.approx(
        (0.5, 0.5), abs=0.1
    )


def test_a_class_that_a_member_never_answers_leaves_finite_shares(images):
    labels, domains = images
    never = answers(labels, 0.9).clone()
    never[:, 3] = -torch.inf
    shares = least_regret_shares([answers(labels, 0.8), never], labels, domains)
    assert sum(shares) == pytest.approx(1)


def test_no_image_gives_equal_shares():
    none = torch.empty(0, dtype=torch.int64)
    assert least_regret_shares([torch.empty(0, 4)] * 3, none, none) == (1 / 3,) * 3
