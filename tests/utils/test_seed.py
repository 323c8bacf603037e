from __future__ import annotations

import torch

from ldpf.utils.seed import derived_seed, generator


def test_the_same_seed_and_purpose_give_the_same_draws():
    first = torch.randn(4, generator=generator(3, "prompts"))
    assert torch.equal(first, torch.randn(4, generator=generator(3, "prompts")))


def test_purposes_have_different_seeds():
    purposes = ("prompts", "batches", "extractor", "k-means 0", "k-means 1")
    assert len({derived_seed(0, purpose) for purpose in purposes}) == len(purposes)


def test_seeds_near_each_other_give_different_seeds():
    assert len({derived_seed(seed, "prompts") for seed in range(100)}) == 100


def test_a_derived_seed_is_the_same_on_every_machine():
    # Runs on disk are resumed and compared across machines and releases.
    assert derived_seed(0, "prompts") == 1203688674051379809
    assert derived_seed(7, "batches") == 324551852694259666


def test_a_derived_seed_has_63_bits():
    assert all(0 <= derived_seed(seed, "x") < 2**63 for seed in range(50))
    assert max(derived_seed(seed, "x") for seed in range(50)) > 2**60


def test_a_generator_leaves_the_global_random_state_alone():
    torch.manual_seed(0)
    expected = torch.randn(3)
    torch.manual_seed(0)
    torch.randn(5, generator=generator(0, "prompts"))
    assert torch.equal(torch.randn(3), expected)
