from __future__ import annotations

import torch

from ldpf.fusion import nearest_weights


def test_only_the_most_similar_latent_domain_speaks():
    weights = nearest_weights(torch.tensor([[0.1, 0.9, 0.3], [-0.2, -0.5, -0.9]]), 0.1)
    assert weights.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_a_tie_goes_to_the_lower_number():
    weights = nearest_weights(torch.tensor([[0.1, 0.4, 0.4], [0.3, 0.3, 0.3]]), 0.1)
    assert weights.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_tau_has_no_effect():
    similarities = torch.tensor([[0.1, 0.2]])
    assert torch.equal(nearest_weights(similarities, 0.01), nearest_weights(similarities, 100.0))


def test_weights_have_the_precision_of_the_similarities():
    assert nearest_weights(torch.rand(2, 3).double(), 0.1).dtype == torch.float64
