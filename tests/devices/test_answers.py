"""Fusion rules, heads, latent domains and exported graphs on a GPU."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ldpf.expectation.outside import Outside
from ldpf.export.graph import PixelGraph
from ldpf.export.onnx_file import graph_on_cpu
from ldpf.fusion import FUSION_RULES, FusionInputs
from ldpf.fusion.fuse import fuse
from ldpf.heads import VISUAL_HEADS
from ldpf.methods import make_method
from ldpf.training.recipe import FAST
from ldpf.utils.seed import generator

N, S, K, D = 12, 3, 4, 16
STEPS_READ = [name for name in FUSION_RULES if not FUSION_RULES.make(name).needs_fit]
"""Rules that training steps and looks at validation use; learned ones are fitted afterwards."""
HEADS = [name for name in VISUAL_HEADS if VISUAL_HEADS.facts(name).get("fits", True)]


def drawn() -> FusionInputs:
    draws = generator(0, "inputs")
    return FusionInputs(
        2 * torch.rand(N, S, generator=draws) - 1,
        F.normalize(torch.randn(N, D, generator=draws), dim=-1),
        F.normalize(torch.randn(S, K, D, generator=draws), dim=-1),
        20.0,
    )


@pytest.mark.parametrize("name", STEPS_READ)
def test_a_rule_weighs_prompts_there_without_waiting(name, fitted_rule, stand_in):
    inputs = drawn()
    rule = fitted_rule(name, inputs)
    moved = FusionInputs(
        inputs.similarities.to(stand_in.name),
        inputs.image_features.to(stand_in.name),
        inputs.text_features.to(stand_in.name),
        inputs.logit_scale,
    )
    with stand_in.no_waiting():
        logits = fuse(rule, moved)
    assert torch.allclose(logits.cpu(), fuse(rule, inputs), atol=1e-4)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(6, seed=0), make_features(3, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("method", ["ldpf", "coop"])
def test_a_head_beside_prompts_trained_there(method, head, data, distant_clip, stand_in):
    recipe = replace(FAST, max_steps=4, cooldown=1, round_every=2, evaluate_every=2)
    settings = {"head": head}
    fitted = make_method(method, recipe, settings=settings).fit(*data, distant_clip)
    for tensor in fitted.tensors().values():
        assert tensor.device == torch.device("cpu") and not stand_in.holds(tensor)
    assert fitted.probabilities(data[1].features).device == torch.device("cpu")


def test_what_lies_outside_is_told_there(data, stand_in):
    features, labels = data[0].features, data[0].labels
    check = Outside.measure(features, labels, features[:4] * -1, [])
    there = check.scores(data[1].features.to(stand_in.name))
    assert torch.allclose(there.cpu(), check.scores(data[1].features), atol=1e-5)


def test_an_export_leaves_the_backbone_where_it_is(data, distant_clip, tiny_clip, stand_in):
    fitted = make_method("zero-shot").fit(*data, distant_clip)
    pixels = 255 * torch.rand(2, 3, 16, 16, generator=generator(0, "pixels"))
    graph = graph_on_cpu(PixelGraph(fitted, distant_clip))
    probabilities, _ = graph(pixels)
    assert distant_clip.device == stand_in.name
    expected, _ = PixelGraph(make_method("zero-shot").fit(*data, tiny_clip), tiny_clip)(pixels)
    assert torch.allclose(probabilities, expected, atol=1e-5)
