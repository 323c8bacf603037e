from __future__ import annotations

import torch

from ldpf.fusion import FusionInputs
from ldpf.fusion.nearest import Nearest


def weights_of(similarities: torch.Tensor) -> torch.Tensor:
    return Nearest().weights(FusionInputs(similarities, similarities, similarities, 1.0))


def test_only_the_most_similar_latent_domain_counts():
    weights = weights_of(torch.tensor([[0.1, 0.9, 0.3], [-0.2, -0.5, -0.9]]))
    assert weights.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_a_tie_goes_to_the_lower_number():
    weights = weights_of(torch.tensor([[0.1, 0.4, 0.4], [0.3, 0.3, 0.3]]))
    assert weights.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_weights_have_the_precision_of_the_similarities():
    assert weights_of(torch.rand(2, 3).double()).dtype == torch.float64
