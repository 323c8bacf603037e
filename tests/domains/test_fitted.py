from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ldpf.domains import DomainExtractor, FittedDomains
from ldpf.utils.seed import generator


@pytest.fixture
def extractor():
    extractor = DomainExtractor(16, 8, 4, generator(0, "extractor"))
    with torch.no_grad():
        extractor.output_mean.copy_(torch.randn(4, generator=generator(0, "mean")))
        extractor.erasure.copy_(torch.randn(4, 4, generator=generator(0, "erasure")))
        extractor.input_scale.fill_(3.0)
    return extractor


@pytest.fixture
def latent(extractor):
    return FittedDomains(extractor, torch.randn(3, 4, generator=generator(0, "centroids")))


@pytest.fixture
def images():
    return F.normalize(torch.randn(40, 16, generator=generator(0, "images")), dim=1)


def test_similarities_are_cosines_of_z_to_the_centroids(latent, images):
    z = latent.domain_features(images)
    expected = torch.stack([F.cosine_similarity(z, c[None], dim=1) for c in latent.centroids], 1)
    assert torch.allclose(latent.similarities(images), expected, atol=1e-6)


def test_an_image_at_a_centroid_is_fully_similar_to_it(latent, images):
    latent.centroids = latent.domain_features(images[:3])
    similarities = latent.similarities(images[:3])
    assert torch.allclose(similarities.diagonal(), torch.ones(3), atol=1e-5)
    assert latent.assign(images[:3]).tolist() == [0, 1, 2]


def test_one_latent_domain_is_fully_similar_to_everything(extractor, images):
    single = FittedDomains(extractor, torch.zeros(1, 4))
    assert torch.equal(single.similarities(images), torch.ones(40, 1))


def test_images_are_assigned_to_the_nearest_centroid(latent, images):
    z = latent.domain_features(images)
    expected = [int(((z_i - latent.centroids) ** 2).sum(dim=1).argmin()) for z_i in z]
    assert latent.assign(images).tolist() == expected


def test_tensors_rebuild_the_same_object(latent, images):
    rebuilt = FittedDomains.from_tensors(latent.tensors())
    assert torch.equal(rebuilt.similarities(images), latent.similarities(images))
    assert rebuilt.n_domains == 3


def test_tensors_are_copies(latent):
    tensors = latent.tensors()
    latent.centroids.zero_()
    with torch.no_grad():
        latent.extractor.out.weight.zero_()
    assert tensors["centroids"].abs().sum() > 0
    assert tensors["extractor.out.weight"].abs().sum() > 0


def test_a_rebuilt_extractor_is_no_longer_trained(latent):
    rebuilt = FittedDomains.from_tensors(latent.tensors())
    assert not any(p.requires_grad for p in rebuilt.extractor.parameters())


def test_no_gradient_reaches_the_extractor_through_similarities(latent, images):
    assert not latent.similarities(images.requires_grad_()).requires_grad
