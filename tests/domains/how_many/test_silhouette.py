from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ldpf.domains.clustering.base import CLUSTERERS
from ldpf.domains.how_many.silhouette import Silhouette
from ldpf.utils.seed import generator


@pytest.mark.parametrize("name", CLUSTERERS)
@pytest.mark.parametrize("groups", [2, 3, 5])
def test_the_number_of_well_separated_groups_is_found(name, groups):
    draws = generator(groups, "groups")
    axes = 5 * torch.linalg.qr(torch.randn(8, 8, generator=draws))[0][:groups]
    points = axes.repeat_interleave(40, dim=0) + 0.3 * torch.randn(40 * groups, 8, generator=draws)
    points = points - points.mean(dim=0)
    assert Silhouette().choose(points, CLUSTERERS.make(name), seed=0).n_domains == groups


def test_images_of_one_kind_stay_together():
    points = torch.randn(400, 32, generator=generator(0, "cloud"))
    chosen = Silhouette(least_score=0.1).choose(points, CLUSTERERS.make("spherical-kmeans"), seed=0)
    assert chosen.n_domains == 1
    assert all(row["silhouette"] < 0.1 for row in chosen.table)


def test_numbers_that_the_images_cannot_fill_are_not_tried():
    points = F.normalize(torch.randn(4, 8, generator=generator(1, "few")), dim=-1)
    chosen = Silhouette().choose(points, CLUSTERERS.make("kmeans"), seed=0)
    assert max(row["n_domains"] for row in chosen.table) < 4
