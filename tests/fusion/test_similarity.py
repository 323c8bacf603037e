from __future__ import annotations

import math

import pytest
import torch

from ldpf.fusion import nearest_weights, similarity_weights, uniform_weights
from ldpf.utils.seed import generator

SIMILARITIES = 2 * torch.rand(20, 4, generator=generator(0, "s")) - 1


def test_weights_are_the_softmax_of_similarities_over_tau():
    weights = similarity_weights(torch.tensor([[0.5, 0.3]]), 0.1)
    assert float(weights[0, 0]) == pytest.approx(1 / (1 + math.exp(-2)), abs=1e-6)


def test_a_small_tau_tends_to_the_nearest():
    weights = similarity_weights(SIMILARITIES, 1e-4)
    assert torch.allclose(weights, nearest_weights(SIMILARITIES, 1.0), atol=1e-3)


def test_the_smallest_tau_stays_finite():
    assert torch.isfinite(similarity_weights(SIMILARITIES, 1e-30)).all()


def test_a_large_tau_tends_to_uniform():
    weights = similarity_weights(SIMILARITIES, 1e4)
    assert torch.allclose(weights, uniform_weights(SIMILARITIES, 1.0), atol=1e-3)
