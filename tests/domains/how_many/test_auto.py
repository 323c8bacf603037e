from __future__ import annotations

import numpy as np
import pytest
import torch

from ldpf.domains.clustering.base import CLUSTERERS
from ldpf.domains.how_many.auto import Auto, matched_jaccard
from ldpf.utils.seed import generator

FEW = Auto(most=5, halvings=2)


def styles(number, dim=32, images=40, seed=0):
    """Domain features [number * images, dim] of as many styles, equally far from each other."""
    draws = generator(seed, "styles")
    axes = 1.5 * torch.linalg.qr(torch.randn(dim, dim, generator=draws))[0][:number]
    points = axes.repeat_interleave(images, dim=0)
    points = points + 0.3 * torch.randn(len(points), dim, generator=draws)
    return points - points.mean(dim=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", CLUSTERERS)
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_as_many_styles_as_there_are_give_the_number(name, number):
    assert FEW.choose(styles(number), CLUSTERERS.make(name), seed=0).n_domains == number


@pytest.mark.slow
@pytest.mark.parametrize("name", CLUSTERERS)
@pytest.mark.parametrize("stretch", [1.0, 10.0])
@pytest.mark.parametrize("dim", [8, 64])
def test_images_of_one_kind_stay_together(name, dim, stretch):
    points = torch.randn(300, dim, generator=generator(dim, "cloud"))
    points = points * torch.linspace(1.0, stretch, dim)
    assert FEW.choose(points - points.mean(dim=0), CLUSTERERS.make(name), seed=0).n_domains == 1


@pytest.mark.slow
def test_a_long_direction_is_divided_stably_and_stays_one_domain():
    points = 0.1 * torch.randn(400, 8, generator=generator(0, "long"))
    points[:, 0] *= 100
    chosen = FEW.choose(points - points.mean(dim=0), CLUSTERERS.make("kmeans"), seed=0)
    assert chosen.table[0]["stability"] > FEW.least_stability
    assert chosen.n_domains == 1


@pytest.mark.slow
def test_a_style_divided_without_reason_is_unstable_though_most_images_agree():
    chosen = FEW.choose(styles(4), CLUSTERERS.make("spherical-kmeans"), seed=0)
    rows = {row["n_domains"]: row for row in chosen.table}
    assert rows[5]["rand"] > 0.7 and rows[5]["stability"] < 0.5
    assert rows[4]["stability"] > 0.9


@pytest.mark.slow
def test_the_bounds_decide():
    points, clusterer = styles(3), CLUSTERERS.make("kmeans")
    chosen = FEW.choose(points, clusterer, seed=0)
    gain = next(row["gain"] for row in chosen.table if row["n_domains"] == 3)
    assert chosen.n_domains == 3
    strict = Auto(most=5, halvings=2, least_gain=gain + 0.001)
    assert strict.choose(points, clusterer, seed=0).n_domains == 1
    loose = Auto(most=5, halvings=2, least_stability=0, least_gain=0)
    assert loose.choose(points, clusterer, seed=0).n_domains > 3


@pytest.mark.slow
def test_the_table_has_a_row_for_each_candidate():
    table = FEW.choose(styles(2), CLUSTERERS.make("kmeans"), seed=0).table
    assert [row["n_domains"] for row in table] == [2, 3, 4, 5]
    for row in table:
        assert row["gain"] == row["silhouette"] - row["reference"]
        assert 0 <= row["stability"] <= 1


@pytest.mark.slow
def test_the_same_seed_gives_the_same_table():
    points, clusterer = styles(2), CLUSTERERS.make("spherical-kmeans")
    assert FEW.choose(points, clusterer, seed=3) == FEW.choose(points, clusterer, seed=3)


@pytest.mark.slow
def test_numbers_that_half_of_the_images_cannot_fill_are_not_tried():
    points = torch.randn(6, 8, generator=generator(1, "few"))
    chosen = FEW.choose(points, CLUSTERERS.make("kmeans"), seed=0)
    assert all(row["n_domains"] <= 3 for row in chosen.table)


def test_only_a_sample_of_very_many_images_is_looked_at(monkeypatch):
    seen = []
    clusterer = CLUSTERERS.make("kmeans")
    fit = type(clusterer).fit

    def counted(self, z, n_domains, seed):
        seen.append(len(z))
        return fit(self, z, n_domains, seed)

    monkeypatch.setattr(type(clusterer), "fit", counted)
    rule = Auto(most=2, halvings=1, sample=50, silhouette_sample=20)
    rule.choose(styles(2), clusterer, seed=0)
    assert set(seen) == {20, 25}  # silhouettes, and halves


def test_clusters_are_compared_whatever_their_ids():
    first, renamed = torch.tensor([0, 0, 1, 1, 2, 2]), torch.tensor([2, 2, 0, 0, 1, 1])
    assert matched_jaccard(first, renamed, 3).tolist() == [1, 1, 1]
    moved = torch.tensor([2, 2, 0, 0, 1, 0])  # one image of the last cluster is in another
    assert np.allclose(matched_jaccard(first, moved, 3), [1 / 2, 2 / 3, 1])
