from __future__ import annotations

import torch

from ldpf.heads.balance import cell_weights
from ldpf.heads.linear_probe import LogisticProbe
from ldpf.heads.linear_probe_balanced import BalancedProbe


def test_it_is_the_plain_probe_with_weights_of_group_and_class(make_features):
    data = make_features(8, noise=0.3)
    rows = torch.arange(len(data)) % 5 > 0
    data = data.subset(rows | (data.domains == 1))
    weights = cell_weights(data.labels, data.domains, 3)
    plain = LogisticProbe(0.1).fit(data.features, data.labels, n_classes=3, sample_weight=weights)
    balanced = BalancedProbe(0.1).fit(data.features, data.labels, data.domains, n_classes=3)
    assert torch.equal(plain.weight, balanced.weight) and torch.equal(plain.bias, balanced.bias)


def test_without_groups_classes_count_the_same(make_features):
    data = make_features(8, noise=0.3)
    data = data.subset((data.labels != 1) | (torch.arange(len(data)) % 4 == 0))
    one = BalancedProbe().fit(
        data.features, data.labels, torch.zeros_like(data.labels), n_classes=3
    )
    none = BalancedProbe().fit(data.features, data.labels, n_classes=3)
    assert torch.equal(one.weight, none.weight)
