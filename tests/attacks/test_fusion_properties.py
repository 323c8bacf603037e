"""Fusion by every rule that does not learn, for any similarities, images and prompts."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from ldpf.fusion import FUSION_RULES, FusionInputs
from ldpf.fusion.fuse import fuse

RULES = [name for name in FUSION_RULES if not FUSION_RULES.make(name).needs_fit]


@st.composite
def situations(draw: st.DrawFn) -> FusionInputs:
    """N images, S latent domains and K classes; features are of length one."""
    n, s, k = draw(st.integers(1, 6)), draw(st.integers(1, 5)), draw(st.integers(2, 6))
    draws = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    return FusionInputs(
        2 * torch.rand(n, s, generator=draws) - 1,
        F.normalize(torch.randn(n, 8, generator=draws), dim=-1),
        F.normalize(torch.randn(s, k, 8, generator=draws), dim=-1),
        draw(st.sampled_from((1.0, 20.0, 100.0))),
    )


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=25, deadline=None)
@given(inputs=situations(), data=st.data())
def test_weights_and_answers_hold_for_every_situation(name, inputs, data):
    rule = FUSION_RULES.make(name)
    weights = rule.weights(inputs)
    n_images, n_domains = inputs.similarities.shape
    n_classes = inputs.text_features.shape[1]
    assert (weights >= 0).all()
    assert torch.allclose(weights.sum(dim=1), torch.ones(()), atol=1e-5)

    answers = fuse(rule, inputs)
    assert answers.shape == (n_images, n_classes) and torch.isfinite(answers).all()
    alone = torch.cat([fuse(rule, inputs.rows(i, i + 1)) for i in range(n_images)])
    assert torch.allclose(alone, answers, atol=1e-3)

    order = data.draw(st.permutations(range(n_domains)), label="latent domains")
    turned = FusionInputs(
        inputs.similarities[:, order],
        inputs.image_features,
        inputs.text_features[order],
        inputs.logit_scale,
    )
    assert torch.allclose(fuse(rule, turned), answers, atol=1e-3)

    classes = data.draw(st.permutations(range(n_classes)), label="classes")
    renamed = FusionInputs(
        inputs.similarities,
        inputs.image_features,
        inputs.text_features[:, classes],
        inputs.logit_scale,
    )
    assert torch.allclose(fuse(rule, renamed), answers[:, classes], atol=1e-3)


def test_there_are_rules_to_try():
    assert {"similarity", "uniform"} <= set(RULES)
