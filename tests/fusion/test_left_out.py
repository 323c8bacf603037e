from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ldpf.fusion import FusionInputs, as_rule
from ldpf.fusion.fuse import fuse
from ldpf.fusion.left_out import WithoutPrompts


@pytest.fixture
def inputs():
    draws = torch.Generator().manual_seed(0)
    images, text = torch.randn(6, 8, generator=draws), torch.randn(3, 4, 8, generator=draws)
    similarities = torch.rand(6, 3, generator=draws)
    return FusionInputs(similarities, F.normalize(images, dim=-1), F.normalize(text, dim=-1), 100.0)


def test_the_answer_is_that_of_the_other_prompts_alone(inputs):
    others = FusionInputs(
        inputs.similarities[:, [0, 2]], inputs.image_features, inputs.text_features[[0, 2]], 100.0
    )
    rule = as_rule("similarity")
    assert torch.allclose(fuse(WithoutPrompts(rule, (1,)), inputs), fuse(rule, others), atol=1e-4)


def test_others_weigh_the_same_where_the_whole_weight_was_on_the_one_left_out(inputs):
    weights = WithoutPrompts(as_rule("nearest"), (1,)).weights(inputs)
    nearest = inputs.similarities.argmax(dim=1) == 1
    assert nearest.any()
    assert torch.allclose(weights[nearest], torch.tensor([0.5, 0.0, 0.5]))
    assert torch.equal(weights[~nearest].max(dim=1).values, torch.ones(int((~nearest).sum())))


def test_several_prompts_may_be_left_out(inputs):
    weights = WithoutPrompts(as_rule("similarity"), (0, 2)).weights(inputs)
    assert torch.allclose(weights, torch.tensor([[0.0, 1.0, 0.0]]).expand(6, 3))


def test_others_weigh_the_same_where_the_whole_weight_was_on_two_left_out(inputs):
    weights = WithoutPrompts(as_rule("nearest"), (0, 1)).weights(inputs)
    assert torch.equal(weights, torch.tensor([[0.0, 0.0, 1.0]]).expand(6, 3))
