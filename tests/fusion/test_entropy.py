from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ldpf.errors import SettingsError
from ldpf.fusion import FusionExamples, FusionInputs
from ldpf.fusion.entropy import Entropy, SimilarityEntropy
from ldpf.fusion.fitting import likeliest_scale
from ldpf.utils.seed import generator


@pytest.fixture
def examples():
    draws = generator(0, "entropy")
    inputs = FusionInputs(
        2 * torch.rand(60, 3, generator=draws) - 1,
        F.normalize(torch.randn(60, 8, generator=draws), dim=-1),
        F.normalize(torch.randn(3, 4, 8, generator=draws), dim=-1),
        20.0,
    )
    return FusionExamples(inputs, torch.randint(4, (60,), generator=draws), torch.arange(60) % 3)


def test_the_surer_prompt_weighs_more():
    inputs = FusionInputs(
        torch.zeros(1, 2),
        torch.tensor([[1.0, 0.0]]),
        torch.tensor([[[1.0, 0.0], [-1.0, 0.0]], [[0.0, 1.0], [0.0, -1.0]]]),
        10.0,
    )
    weights = Entropy(beta=0.1, scales=torch.ones(2)).weights(inputs)
    assert float(weights[0, 0]) > 0.99


def test_weights_are_the_softmax_of_calibrated_entropies(examples):
    rule = Entropy(beta=0.3, scales=torch.tensor([0.5, 1.0, 0.1]))
    weights = rule.weights(examples.inputs)
    for i in range(5):
        entropies = torch.stack(
            [
                torch.distributions.Categorical(logits=a * z).entropy()
                for a, z in zip(rule.scales, examples.inputs.prompt_logits[i], strict=True)
            ]
        )
        assert torch.allclose(weights[i], torch.softmax(-entropies / 0.3, dim=0), atol=1e-5)


def test_a_prompt_is_calibrated_on_images_of_other_latent_domains(examples):
    scales = Entropy().fit(examples, examples).scales
    for s in range(3):
        other = examples.domains != s
        expected = likeliest_scale(examples.inputs.prompt_logits[other, s], examples.labels[other])
        assert float(scales[s]) == pytest.approx(expected, rel=1e-3)


def test_the_product_is_that_of_both_weights(examples):
    scales = torch.tensor([0.5, 1.0, 0.1])
    product = torch.softmax(examples.inputs.similarities / 0.4, dim=1) * Entropy(
        beta=0.3, scales=scales
    ).weights(examples.inputs)
    weights = SimilarityEntropy(beta=0.3, tau=0.4, scales=scales).weights(examples.inputs)
    assert torch.allclose(weights, product / product.sum(dim=1, keepdim=True), atol=1e-5)


@pytest.mark.parametrize("change", [{"beta": 0}, {"tau": -1.0}])
def test_a_temperature_that_is_none_is_refused(change):
    (name,) = change
    with pytest.raises(SettingsError, match=f"{name}={change[name]}"):
        SimilarityEntropy(**change)
