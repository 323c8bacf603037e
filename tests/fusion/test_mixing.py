from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ldpf.fusion import FusionInputs
from ldpf.fusion.fuse import fuse
from ldpf.fusion.mixing import LogitSimilarity, ProbabilitySimilarity
from ldpf.fusion.similarity import Similarity
from ldpf.utils.seed import generator


@pytest.fixture
def inputs():
    draws = generator(0, "mixing")
    return FusionInputs(
        2 * torch.rand(20, 3, generator=draws) - 1,
        F.normalize(torch.randn(20, 8, generator=draws), dim=-1),
        F.normalize(torch.randn(3, 4, 8, generator=draws), dim=-1),
        20.0,
    )


@pytest.mark.parametrize("rule", [LogitSimilarity, ProbabilitySimilarity])
def test_the_weights_are_those_of_similarity(rule, inputs):
    assert torch.equal(rule(tau=0.3).weights(inputs), Similarity(tau=0.3).weights(inputs))


def test_probabilities_are_averaged(inputs):
    alpha = Similarity(tau=0.3).weights(inputs)
    expected = (alpha[:, :, None] * inputs.prompt_logits.softmax(dim=2)).sum(dim=1)
    answer = fuse(ProbabilitySimilarity(tau=0.3), inputs).softmax(dim=1)
    assert torch.allclose(answer, expected, atol=1e-5)


def test_logits_are_averaged_up_to_a_constant_of_each_image(inputs):
    alpha = Similarity(tau=0.3).weights(inputs)
    expected = (alpha[:, :, None] * inputs.prompt_logits).sum(dim=1).softmax(dim=1)
    answer = fuse(LogitSimilarity(tau=0.3), inputs).softmax(dim=1)
    assert torch.allclose(answer, expected, atol=1e-5)


def test_a_rule_is_not_its_relative(inputs):
    assert LogitSimilarity() != ProbabilitySimilarity() != Similarity()
