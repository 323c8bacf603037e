from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ldpf.domains.clustering.base import CLUSTERERS
from ldpf.domains.clustering.kmeans import KMeans
from ldpf.domains.clustering.spherical import SphericalKMeans, _assign
from ldpf.errors import SettingsError
from ldpf.utils.seed import generator


def directions(per_group: int = 30) -> tuple[torch.Tensor, torch.Tensor]:
    """Points of any length around three directions, and which direction each has."""
    draws = generator(0, "directions")
    axes = F.normalize(torch.randn(3, 8, generator=draws), dim=-1)
    ids = torch.arange(3).repeat_interleave(per_group)
    points = axes[ids] + 0.1 * torch.randn(3 * per_group, 8, generator=draws)
    return points * (0.1 + 5 * torch.rand(len(points), 1, generator=draws)), ids


def test_directions_are_found_whatever_the_lengths():
    points, ids = directions()
    assigned = SphericalKMeans().fit(points, 3, seed=0).assignments
    assert len(torch.unique(torch.stack([assigned, ids]), dim=1).T) == 3


def test_every_image_belongs_to_the_centroid_of_the_largest_cosine():
    points = torch.randn(200, 6, generator=generator(1, "cloud"))
    result = SphericalKMeans().fit(points, 4, seed=0)
    cosines = F.normalize(points, dim=-1) @ result.centroids.T
    assert torch.equal(cosines.argmax(dim=1), result.assignments)
    assert torch.allclose(result.centroids.norm(dim=1), torch.ones(4), atol=1e-6)


def test_a_centroid_is_the_direction_of_the_mean_of_its_images():
    points, _ = directions()
    result = SphericalKMeans().fit(points, 3, seed=0)
    expected = SphericalKMeans().centroids_of(points, result.assignments, 3)
    assert torch.allclose(result.centroids, expected, atol=1e-5)


def test_restarts_never_give_a_worse_division():
    points = torch.randn(300, 6, generator=generator(2, "cloud"))

    def fit(restarts: int) -> float:
        result = SphericalKMeans(restarts=restarts).fit(points, 5, seed=0)
        return float((F.normalize(points, dim=-1) @ result.centroids.T).max(dim=1).values.mean())

    assert fit(10) >= fit(1) - 1e-9


@pytest.mark.parametrize("name", CLUSTERERS)
def test_the_same_seed_gives_the_same_bits(name):
    points, _ = directions()
    first, second = (CLUSTERERS.make(name).fit(points, 3, seed=5) for _ in range(2))
    assert torch.equal(first.centroids, second.centroids)
    assert torch.equal(first.assignments, second.assignments)


@pytest.mark.parametrize("name", CLUSTERERS)
@pytest.mark.parametrize("n_domains", [1, 2, 7, 30])
def test_no_latent_domain_is_empty(name, n_domains):
    points = torch.randn(30, 4, generator=generator(3, "few"))
    result = CLUSTERERS.make(name).fit(points, n_domains, seed=0)
    assert sorted(result.assignments.unique().tolist()) == list(range(n_domains))


@pytest.mark.parametrize("name", CLUSTERERS)
def test_fewer_images_than_latent_domains_are_refused(name):
    with pytest.raises(SettingsError, match=r"n_samples=2.*n_domains=3"):
        CLUSTERERS.make(name).fit(torch.randn(2, 4), 3, seed=0)


def test_a_division_around_the_mean_has_a_direction_only_on_the_sphere():
    # Two opposite groups and one around the mean: its Euclidean centroid has no length.
    draws = generator(4, "around")
    axis = torch.tensor([3.0, 0, 0])
    noise = 0.3 * torch.randn(90, 3, generator=draws)
    points = torch.cat([axis + noise[:30], -axis + noise[30:60], noise[60:]])
    assert KMeans().fit(points, 3, seed=0).centroids.norm(dim=1).min() < 0.3
    assert SphericalKMeans().fit(points, 3, seed=0).centroids.norm(dim=1).min() > 0.99


def test_fewer_directions_than_latent_domains_are_refused():
    axes = torch.tensor([[1.0, 0, 0], [0, 1, 0]]).repeat(5, 1)
    points = axes * torch.arange(1.0, 11.0)[:, None]
    assert len(SphericalKMeans().fit(points, 2, seed=0).centroids) == 2
    with pytest.raises(SettingsError, match=r"=2 should be >= n_domains=3"):
        SphericalKMeans().fit(points, 3, seed=0)


def test_images_in_few_directions_still_fill_all_latent_domains():
    points = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0]]).repeat(10, 1)
    for seed in range(5):
        result = SphericalKMeans(restarts=1).fit(points, 4, seed=seed)
        assert len(result.assignments.unique()) == 4


def test_several_empty_centroids_take_different_images():
    cosines = np.array([[0.9, -1.0, -1.0], [0.5, -1.0, -1.0], [0.7, -1.0, -1.0]])
    assert _assign(cosines).tolist() == [0, 1, 2]
