from __future__ import annotations

import pytest

from ldpf.domains.clustering.spherical import SphericalKMeans
from ldpf.domains.disentangle.overlap import measure_overlap

CLASSES, DOMAINS = 6, 3


def overlap(features, labels):
    return measure_overlap(features, labels, CLASSES, SphericalKMeans(), DOMAINS)


def test_independent_classes_and_domains_share_nothing(drawn):
    measured = overlap(*drawn(at_home=0))
    assert measured.class_nmi < 0.02
    assert measured.removed < 0.1
    assert measured.within == pytest.approx(1, abs=0.1)


def test_classes_with_domains_of_their_own_would_lose_them(drawn):
    measured = overlap(*drawn(at_home=0.6))
    assert measured.class_nmi > 0.1
    assert measured.removed > 0.5
    assert 0.3 < measured.within < 0.9


def test_clusters_that_are_classes_hardly_differ_within_classes(drawn):
    measured = overlap(*drawn(at_home=0, of_class=6.0, of_domain=0.3))
    assert measured.class_nmi > 0.6
    assert measured.within < 0.05


def test_the_measure_does_not_depend_on_the_scale_of_features(drawn):
    features, labels = drawn(at_home=0.6)
    moved = overlap(4 * features, labels)
    assert moved.removed == pytest.approx(overlap(features, labels).removed, abs=1e-4)
