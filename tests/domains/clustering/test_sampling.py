"""Very many images: centroids of a sample, assignments in blocks, next to the exact way."""

from __future__ import annotations

import pytest
import torch

from ldpf.domains.clustering import sampling
from ldpf.domains.clustering.kmeans import KMeans
from ldpf.domains.clustering.spherical import SphericalKMeans
from ldpf.domains.diagnostics import ari
from ldpf.errors import SettingsError
from ldpf.utils.seed import generator

CLUSTERERS = [KMeans(), SphericalKMeans()]


def cloud(n_images: int = 3000) -> torch.Tensor:
    """Points around three directions that overlap a little."""
    draws = generator(0, "cloud")
    axes = torch.randn(3, 16, generator=draws)
    ids = torch.randint(3, (n_images,), generator=draws)
    return axes[ids] + 0.6 * torch.randn(n_images, 16, generator=draws)


@pytest.mark.parametrize("clusterer", CLUSTERERS)
def test_a_sample_finds_nearly_the_domains_of_all_images(clusterer, monkeypatch):
    z = cloud()
    exact = clusterer.fit(z, 3, seed=0)
    monkeypatch.setattr(sampling, "MAX_FIT_SAMPLES", 300)
    sampled = clusterer.fit(z, 3, seed=0)
    assert not torch.equal(sampled.centroids, exact.centroids)  # it was a sample
    assert ari(sampled.assignments, exact.assignments) > 0.95


@pytest.mark.parametrize("clusterer", CLUSTERERS)
def test_blocks_change_nothing(clusterer, monkeypatch):
    z = cloud()
    whole = clusterer.fit(z, 3, seed=0)
    monkeypatch.setattr(sampling, "BLOCK", 77)
    parts = clusterer.fit(z, 3, seed=0)
    assert torch.equal(parts.assignments, whole.assignments)
    assert torch.equal(parts.centroids, whole.centroids)


def test_too_few_directions_are_counted_over_all_blocks(monkeypatch):
    monkeypatch.setattr(sampling, "BLOCK", 50)
    z = torch.cat([torch.tensor([[1.0, 0.0]]).repeat(299, 1), torch.tensor([[0.0, 1.0]])])
    assert len(SphericalKMeans().fit(z, 2, seed=0).assignments.unique()) == 2
    with pytest.raises(SettingsError, match="n_distinct_samples=2 should be >= n_domains=3"):
        SphericalKMeans().fit(z, 3, seed=0)


def test_rows_keep_their_order_and_none_is_lost(monkeypatch):
    points = torch.arange(100.0)[:, None]
    monkeypatch.setattr(sampling, "MAX_FIT_SAMPLES", 40)
    chosen = sampling.sample_rows(points, seed=3)[:, 0]
    assert len(chosen) == 40 and (chosen.diff() > 0).all()
    monkeypatch.setattr(sampling, "BLOCK", 30)
    assert torch.equal(torch.cat(list(sampling.blocks(points))), points)
