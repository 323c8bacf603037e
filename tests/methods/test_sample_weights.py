from __future__ import annotations

import pytest
import torch

from ldpf.methods.sample_weights import sample_weights, weighted_mean

LABELS = torch.tensor([0, 0, 0, 1, 1, 1, 1, 1])
DOMAINS = torch.tensor([0, 1, 1, 0, 0, 0, 0, 1])


def totals(weights, groups):
    return torch.zeros(int(groups.max()) + 1).index_add_(0, groups, weights)


def test_without_weights_the_mean_is_plain():
    losses = torch.tensor([1.0, 2.0, 6.0])
    assert sample_weights("none", LABELS, DOMAINS, 2) is None
    assert float(weighted_mean(losses, None)) == 3.0


def test_by_class_every_class_has_the_same_total_and_its_images_the_same_weight():
    weights = sample_weights("class", LABELS, DOMAINS, 2)
    assert totals(weights, LABELS).tolist() == pytest.approx([4.0, 4.0])
    assert weights.tolist() == pytest.approx([4 / 3] * 3 + [4 / 5] * 5)


def test_by_latent_domain_and_class_every_cell_has_the_same_total():
    total = totals(sample_weights("latent-class", LABELS, DOMAINS, 2), 2 * DOMAINS + LABELS)
    assert total.tolist() == pytest.approx([2.0] * 4)


@pytest.mark.parametrize("kind", ["class", "latent-class"])
def test_the_mean_weight_is_one(kind):
    assert float(sample_weights(kind, LABELS, DOMAINS, 2).mean()) == pytest.approx(1.0)
