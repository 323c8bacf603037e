from __future__ import annotations

import math

import pytest
import torch

from ldpf.errors import SettingsError
from ldpf.fusion import FusionInputs
from ldpf.fusion.nearest import Nearest
from ldpf.fusion.similarity import Similarity
from ldpf.fusion.uniform import Uniform
from ldpf.utils.seed import generator


def inputs(similarities: torch.Tensor) -> FusionInputs:
    return FusionInputs(similarities, torch.zeros(len(similarities), 1), torch.zeros(1, 1, 1), 1.0)


SIMILARITIES = inputs(2 * torch.rand(20, 4, generator=generator(0, "s")) - 1)


def test_weights_are_the_softmax_of_similarities_over_tau():
    weights = Similarity(tau=0.1).weights(inputs(torch.tensor([[0.5, 0.3]])))
    assert float(weights[0, 0]) == pytest.approx(1 / (1 + math.exp(-2)), abs=1e-6)


def test_a_small_tau_tends_to_the_nearest():
    weights = Similarity(tau=1e-4).weights(SIMILARITIES)
    assert torch.allclose(weights, Nearest().weights(SIMILARITIES), atol=1e-3)


def test_the_smallest_tau_stays_finite():
    assert torch.isfinite(Similarity(tau=1e-30).weights(SIMILARITIES)).all()


def test_a_large_tau_tends_to_uniform():
    weights = Similarity(tau=1e4).weights(SIMILARITIES)
    assert torch.allclose(weights, Uniform().weights(SIMILARITIES), atol=1e-3)


@pytest.mark.parametrize("tau", [0, -0.1, math.inf, math.nan])
def test_a_tau_that_is_no_temperature_is_refused(tau):
    with pytest.raises(SettingsError, match=f"tau={tau}"):
        Similarity(tau=tau)
