from __future__ import annotations

import pytest
import torch
from scipy.stats import vonmises_fisher

from ldpf.fusion import FusionInputs
from ldpf.fusion.similarity import Similarity
from ldpf.fusion.von_mises_fisher import VonMisesFisher, likeliest_concentration
from ldpf.utils.seed import generator


@pytest.mark.parametrize(("dimensions", "kappa"), [(3, 5.0), (8, 20.0), (16, 40.0)])
def test_the_concentration_of_draws_is_found_in_any_dimension(dimensions, kappa):
    mean = [1.0, *[0.0] * (dimensions - 1)]
    draws = vonmises_fisher(mean, kappa, seed=0).rvs(4000)
    result = likeliest_concentration(torch.from_numpy(draws[:, 0].copy()))
    assert float(result) == pytest.approx(kappa, rel=0.15)


def test_weights_are_those_of_similarity_with_one_over_kappa():
    similarities = 2 * torch.rand(10, 3, generator=generator(0, "s")) - 1
    inputs = FusionInputs(similarities, torch.zeros(10, 1), torch.zeros(3, 1, 1), 1.0)
    rule = VonMisesFisher(kappa=torch.tensor(4.0))
    assert torch.allclose(rule.weights(inputs), Similarity(tau=0.25).weights(inputs), atol=1e-6)


@pytest.mark.parametrize("cosine", [1.0, 0.0, -1.0])
def test_cosines_that_are_all_alike_give_a_finite_concentration(cosine):
    kappa = float(likeliest_concentration(torch.full((20,), cosine)))
    assert 0 <= kappa <= 1000
