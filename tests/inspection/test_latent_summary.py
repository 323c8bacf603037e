from __future__ import annotations

import pytest
import torch

from ldpf.domains import DomainExtractor, FittedDomains
from ldpf.inspection.latent_summary import MAP_IMAGES, describe_latent, style_directions
from ldpf.utils.seed import generator


@pytest.fixture
def latent():
    extractor = DomainExtractor(16, 8, 4, generator(0, "extractor"))
    return FittedDomains(extractor, torch.randn(3, 4, generator=generator(0, "centroids")))


def test_directions_point_at_what_the_domains_add(make_features):
    data = make_features(20, domain_strength=0.7, noise=0.02)
    found = style_directions(data.features, data.labels, data.domains, 3, 3)
    for s, direction in enumerate(found):
        inside, outside = (data.features[data.domains == s], data.features[data.domains != s])
        assert (inside @ direction).mean() > (outside @ direction).mean() + 0.3


def test_a_latent_domain_that_is_a_class_has_no_direction(make_features):
    data = make_features(20, domain_strength=0.0)
    only = torch.where(data.labels == 0, 0, 1)
    assert style_directions(data.features, data.labels, only, 2, 3).norm(dim=1).tolist() == [0, 0]


def test_an_empty_latent_domain_has_no_direction(make_features):
    data = make_features(2)
    found = style_directions(data.features, data.labels, torch.zeros_like(data.labels), 2, 3)
    assert found[1].tolist() == [0.0] * 16


def test_every_image_is_where_k_means_puts_it(make_features, latent):
    data = make_features(4)
    found = describe_latent(latent, data, data.subset([0, 1]))
    assert torch.equal(found.assigned, latent.assign(data.features))
    assert sum(found.sizes) == len(data)
    z = latent.domain_features(data.features)
    assert torch.allclose(found.distances, torch.cdist(z, latent.centroids).min(dim=1).values)
    assert found.other_points.shape == (2, 2)


def test_the_map_is_the_plane_of_largest_spread(make_features, latent):
    data = make_features(6)
    found = describe_latent(latent, data)
    z = latent.domain_features(data.features)
    z = z - z.mean(dim=0)
    spread = torch.linalg.svdvals(z)
    assert torch.allclose(found.points.norm(dim=0), spread[:2], atol=1e-4)


def test_others_lie_on_the_same_plane(make_features, latent):
    data = make_features(6)
    found = describe_latent(latent, data, data)
    order = torch.argsort(found.points[:, 0])
    assert torch.allclose(
        found.points[order][:, 0], found.other_points[:, 0].sort().values, atol=1e-5
    )


def test_of_many_images_the_map_shows_a_sample(make_features, latent):
    data = make_features(MAP_IMAGES // 9 + 50)
    found = describe_latent(latent, data)
    assert len(found.points) == MAP_IMAGES < len(data)
    assert len(set(found.map_rows.tolist())) == MAP_IMAGES


def test_a_single_image_has_a_place_on_the_map(make_features, latent):
    found = describe_latent(latent, make_features(1).subset([0]))
    assert found.points.tolist() == [[0.0, 0.0]]
