from __future__ import annotations

import pytest
import torch

from ldpf.domains import DomainDiscovery
from ldpf.heads import VISUAL_HEADS
from ldpf.heads.balance import cell_weights
from ldpf.methods import make_method
from ldpf.methods.balanced import BalancedHead


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(20), make_features(10, seed=1)


@pytest.mark.parametrize("name", ["linear-probe-balanced", "gda-balanced"])
def test_the_head_is_given_the_latent_domains(name, data, tiny_clip):
    method = make_method(name)
    fitted = method.fit(*data, tiny_clip, seed=3)
    groups = DomainDiscovery(*data, method.discovery, 3).assignments
    head = method.head.fit(data[0].features, data[0].labels, groups, n_classes=3)
    expected = head.logits(data[1].features).float()
    assert torch.allclose(fitted.logits(data[1].features), expected, atol=1e-3)


def test_a_plain_head_is_fitted_with_weights_of_latent_domain_and_class(data, tiny_clip):
    method = make_method("linear-probe-balanced", settings={"head": "gda"})
    fitted = method.fit(*data, tiny_clip, seed=3)
    groups = DomainDiscovery(*data, method.discovery, 3).assignments
    weights = cell_weights(data[0].labels, groups, 3)
    head = method.head.fit(data[0].features, data[0].labels, n_classes=3, sample_weight=weights)
    expected = head.logits(data[1].features).float()
    assert torch.allclose(fitted.logits(data[1].features), expected, atol=1e-3)


def test_a_head_may_be_given_by_its_name():
    assert BalancedHead(head="gda").head == VISUAL_HEADS.make("gda")


def test_a_latent_domain_with_few_images_of_a_class_counts_as_much(make_features, tiny_clip):
    # Nearly all images of class 0 come from one domain; unbalanced, the others hardly count.
    whole = make_features(40, class_strength=0.7)
    rare = (whole.labels == 0) & (whole.domains != 0)
    kept = ~rare | (torch.arange(len(whole)) % 8 == 0)
    train, test = whole.subset(kept), make_features(40, class_strength=0.7, seed=1)
    judged = test.subset((test.labels == 0) & (test.domains != 0))

    def recall(name):
        return (
            make_method(name).fit(train, test, tiny_clip).accuracy(judged.features, judged.labels)
        )

    assert recall("gda-balanced") >= recall("gda")


def test_the_number_of_domains_is_a_setting():
    assert make_method("linear-probe-balanced", n_domains=5).discovery.n_domains == 5
