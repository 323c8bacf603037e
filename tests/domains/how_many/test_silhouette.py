from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ldpf.domains.clustering.base import CLUSTERERS
from ldpf.domains.how_many.silhouette import Silhouette, normal_points
from ldpf.utils.seed import generator


@pytest.mark.slow
@pytest.mark.parametrize("name", CLUSTERERS)
@pytest.mark.parametrize("groups", [2, 3, 5])
def test_the_number_of_well_separated_groups_is_found(name, groups):
    draws = generator(groups, "groups")
    axes = 5 * torch.linalg.qr(torch.randn(8, 8, generator=draws))[0][:groups]
    points = axes.repeat_interleave(40, dim=0) + 0.3 * torch.randn(40 * groups, 8, generator=draws)
    points = points - points.mean(dim=0)
    assert Silhouette().choose(points, CLUSTERERS.make(name), seed=0).n_domains == groups


@pytest.mark.slow
@pytest.mark.parametrize("name", CLUSTERERS)
@pytest.mark.parametrize("stretch", [1.0, 10.0])
@pytest.mark.parametrize("dim", [8, 32, 128])
def test_images_of_one_kind_stay_together(name, dim, stretch):
    points = torch.randn(600, dim, generator=generator(dim, "cloud"))
    points = points * torch.linspace(1.0, stretch, dim)
    chosen = Silhouette(most=5).choose(points - points.mean(0), CLUSTERERS.make(name), seed=0)
    assert chosen.n_domains == 1
    assert [row["n_domains"] for row in chosen.table] == [2, 3, 4, 5]


@pytest.mark.slow
def test_the_gain_that_is_asked_for_decides():
    draws = generator(3, "pair")
    sides = torch.tensor([2.0, -2.0]).repeat(100)[:, None] * torch.eye(8)[0]
    points = sides + torch.randn(200, 8, generator=draws)
    chosen = Silhouette().choose(points, CLUSTERERS.make("kmeans"), seed=0)
    (best,) = (row for row in chosen.table if "reference" in row)
    gain = best["silhouette"] - best["reference"]
    assert chosen.n_domains == best["n_domains"] == 2 and gain > 0.01
    strict = Silhouette(least_gain=gain + 0.001)
    assert strict.choose(points, CLUSTERERS.make("kmeans"), seed=0).n_domains == 1


def test_the_reference_has_the_covariance_of_the_images():
    mixing = torch.rand(4, 4, generator=generator(4, "mixing"))
    points = torch.randn(2000, 4, generator=generator(5, "points")) @ mixing + 3.0
    cloud = normal_points(points, seed=0)
    assert cloud.shape == points.shape
    assert torch.allclose(cloud.mean(dim=0), torch.zeros(4), atol=0.15)
    assert torch.allclose(torch.cov(cloud.T), torch.cov(points.T), atol=0.15)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_scores():
    points = torch.randn(100, 8, generator=generator(6, "cloud"))
    first, second = (
        Silhouette().choose(points, CLUSTERERS.make("spherical-kmeans"), seed=2) for _ in range(2)
    )
    assert first == second


def test_numbers_that_the_images_cannot_fill_are_not_tried():
    points = F.normalize(torch.randn(4, 8, generator=generator(1, "few")), dim=-1)
    chosen = Silhouette().choose(points, CLUSTERERS.make("kmeans"), seed=0)
    assert max(row["n_domains"] for row in chosen.table) < 4
