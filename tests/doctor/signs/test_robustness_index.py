from __future__ import annotations

import pytest
import torch

from ldpf.doctor import Case, Status
from ldpf.doctor.signs.robustness_index import neighbor_counts


def test_counts_are_those_of_pairs_one_by_one(make_features):
    images = make_features(5, noise=0.6)
    assert images.domains is not None
    by_class = by_domain = 0
    for i in range(len(images)):
        cosines = images.features @ images.features[i]
        cosines[i] = -torch.inf
        for j in cosines.argsort(descending=True)[:4].tolist():
            same_class = images.labels[i] == images.labels[j]
            same_domain = images.domains[i] == images.domains[j]
            by_class += int(same_class and not same_domain)
            by_domain += int(same_domain and not same_class)
    counts = neighbor_counts(images.features, images.labels, images.domains, 4)
    assert counts == pytest.approx((by_class / len(images), by_domain / len(images)))
    assert by_class > 0 and by_domain > 0


def test_features_of_the_class_are_robust_and_of_the_domain_are_not(say, linear, make_features):
    def of(**strengths: float):
        return say("robustness-index", Case(linear(3, 16), train=make_features(8, **strengths)))

    strong = of(class_strength=2.0, domain_strength=0.3)
    weak = of(class_strength=0.3, domain_strength=2.0)
    assert strong.figure is not None and weak.figure is not None
    assert strong.figure > 0.9 and strong.status is Status.FINE
    assert weak.figure < 0.1 and weak.status is Status.NOTICE
    assert weak.shown_threshold == "below 0.50"


def test_neighbors_that_share_both_say_nothing(say, linear, make_features):
    images = make_features(12, noise=0.01)  # every neighbor is of the same cell
    found = say("robustness-index", Case(linear(3, 16), train=images))
    assert found.words == "every neighbor shares both class and domain, or neither"
