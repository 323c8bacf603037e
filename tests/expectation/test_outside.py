"""Images outside of what a model knows: noise is flagged, photos of a new site are not."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ldpf.expectation.outside import SHRINKAGE, Distances, Outside
from ldpf.methods import make_method
from ldpf.methods.left_out import left_out_classifiers


@pytest.fixture(scope="module")
def data(make_features):
    return tuple(make_features(n, seed=n, domain_strength=0.5) for n in (20, 6))


@pytest.fixture(scope="module")
def left_out(data, tiny_clip):
    method = make_method("gda")
    return left_out_classifiers(method, method.fit(*data, tiny_clip), *data, tiny_clip)


@pytest.fixture(scope="module")
def odd(data):
    draws = torch.Generator().manual_seed(5)
    middle = -F.normalize(data[0].features.mean(dim=0, keepdim=True))
    return F.normalize(middle + 0.1 * torch.randn(30, 16, generator=draws))


@pytest.fixture(scope="module")
def outside(data, odd, left_out):
    images = data[0].joined(data[1])
    return Outside.measure(images.features, images.labels, odd, left_out)


def test_distances_are_those_of_the_definition(data, odd):
    x, labels = data[0].features.double(), data[0].labels
    means = torch.stack([x[labels == k].mean(dim=0) for k in range(3)])
    centered = x - means[labels]
    covariance = centered.T @ centered / len(x)
    shrunk = (1 - SHRINKAGE) * covariance
    shrunk += SHRINKAGE * covariance.trace() / 16 * torch.eye(16)
    inverse = torch.linalg.inv(shrunk)
    image = data[1].features[0].double()
    distances = Distances.fit(data[0].features, labels, odd)
    expected = min(float(((image - m) @ inverse @ (image - m)).sqrt()) for m in means)
    assert float(distances.to_classes(image[None])) == pytest.approx(expected, rel=1e-3)
    expected = min(float(((image - o) @ inverse @ (image - o)).sqrt()) for o in odd.double())
    assert float(distances.to_odd(image[None])) == pytest.approx(expected, rel=1e-3)


def test_pictures_of_nothing_that_were_not_seen_are_flagged(outside, odd):
    more = F.normalize(odd + 0.02 * torch.randn(30, 16, generator=torch.Generator().manual_seed(6)))
    assert (outside.scores(more) > 0).all()
    assert (outside.scores(odd) > 0).all()


def test_few_photos_of_the_same_sites_and_of_a_new_one_are(outside, make_features):
    same = make_features(30, seed=7, domain_strength=0.5).features
    assert (outside.scores(same) > 0).double().mean() < 0.02
    new = make_features(30, seed=8, n_domains=4, domain_strength=0.5).features[-90:]
    assert (outside.scores(new) > 0).double().mean() < 0.1


def test_what_is_far_from_everything_is_flagged_without_being_like_a_picture_of_nothing(
    outside, odd
):
    directions = torch.linalg.svd(torch.cat([outside.distances.means, odd])).Vh
    far = directions[-1:]
    distances = outside.distances
    assert distances.to_classes(far) - distances.to_odd(far) < 0
    assert outside.scores(far) > 0


def test_at_most_one_in_a_hundred_images_left_out_is_beyond_each_limit(outside, left_out, odd):
    pairs = []
    for item in left_out:
        fold = item.fold
        distances = Distances.fit(fold.train.features, fold.train.labels, odd)
        images = fold.judged.features
        pairs.append((distances.to_classes(images), distances.to_odd(images)))
    to_classes, to_odd = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    assert (to_classes > outside.far_limit).double().mean() <= 0.01
    assert (to_classes - to_odd > outside.odd_limit).double().mean() <= 0.01
    assert outside.odd_limit < 0


def test_what_is_nearer_to_a_picture_of_nothing_than_to_a_class_is_always_flagged(data, left_out):
    images = data[0].joined(data[1])
    alike = images.features[::7]  # pictures of nothing that look like training images
    outside = Outside.measure(images.features, images.labels, alike, left_out)
    assert outside.odd_limit == 0.0


def test_no_class_mean_is_the_feature_of_a_few_images(data, odd):
    labels = data[0].labels.clone()
    labels[:3] = 3  # a class of three images
    distances = Distances.fit(data[0].features, labels, odd)
    assert len(distances.means) == 3
    alone = Distances.fit(data[0].features[:4], torch.arange(4), odd)
    assert len(alone.means) == 1


def test_images_that_are_all_the_same_have_a_distance(odd):
    same = F.normalize(torch.ones(10, 16))
    outside = Outside.measure(same, torch.zeros(10, dtype=torch.int64), odd, [])
    assert torch.isfinite(outside.scores(torch.cat([same, odd]))).all()
    assert (outside.scores(odd) > 0).all() and not (outside.scores(same) > 0).any()


def test_one_image_has_the_score_that_it_has_among_others(outside, data):
    images = data[1].features[:9]
    alone = torch.cat([outside.scores(image[None]) for image in images])
    assert torch.allclose(alone, outside.scores(images), atol=1e-9)


def test_it_is_rebuilt_from_its_tensors(outside, data, odd):
    again = Outside.from_tensors(outside.tensors())
    images = torch.cat([data[1].features, odd])
    assert torch.equal(again.scores(images), outside.scores(images))
    for name, shape in Outside.shapes(16).items():
        assert len(outside.tensors()[name].shape) == len(shape)
