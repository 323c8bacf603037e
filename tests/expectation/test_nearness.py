"""How far a site is from each latent domain."""

from __future__ import annotations

import pytest
import torch

from ldpf.expectation.nearness import Nearness


def cloud(center, n=400, seed=0):
    noise = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))
    return torch.tensor(center, dtype=torch.float32) + noise


@pytest.fixture(scope="module")
def near():
    features = torch.cat([cloud((0, 0, 0), seed=0), cloud((3, 0, 0), seed=1)])
    return Nearness.measure(features, torch.tensor([0] * 400 + [4] * 400))


def test_distances_are_those_of_the_means(near):
    distances = near.of_site(cloud((3, 4, 0), n=4000, seed=2))
    assert distances[0] == pytest.approx(5, abs=0.15)
    assert distances[4] == pytest.approx(4, abs=0.15)
    assert near.between == pytest.approx([3], abs=0.15)


def test_few_photos_of_a_latent_domain_are_not_far_from_it(near):
    # Without the correction, the mean of 8 photos lies sqrt(3 / 8) = 0.6 away.
    squared = [near.of_site(cloud((0, 0, 0), n=8, seed=s))[0] ** 2 for s in range(10, 40)]
    assert sum(squared) / len(squared) < 0.25


def test_one_photo_has_a_distance(near):
    assert near.of_site(torch.tensor([[30.0, 0, 0]]))[0] == pytest.approx(30, abs=0.2)


def test_domains_of_a_few_images_are_left_out():
    near = Nearness.measure(cloud((0, 0, 0), n=20), torch.tensor([0] * 17 + [1] * 3))
    assert near.domains.tolist() == [0]
    assert near.between == []


def test_no_latent_domain_gives_no_distance():
    near = Nearness.measure(torch.empty(0, 3), torch.empty(0, dtype=torch.int64))
    assert near.of_site(cloud((0, 0, 0))) == {} and near.between == []


def test_tensors_bring_it_back(near):
    again = Nearness.from_tensors(near.tensors())
    photos = cloud((1, 1, 1), seed=5)
    assert again.of_site(photos) == near.of_site(photos)
    assert {name: len(shape) for name, shape in Nearness.shapes(3).items()} == {
        name: tensor.ndim for name, tensor in near.tensors().items()
    }
