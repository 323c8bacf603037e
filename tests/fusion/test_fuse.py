from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import ldpf.fusion.fuse
from ldpf.fusion import FusionInputs, FusionRule
from ldpf.fusion.fuse import fuse, fuse_reference
from ldpf.utils.seed import generator


class AsGiven(FusionRule):
    """Takes the similarities for weights."""

    def weights(self, inputs):
        return inputs.similarities


def fused_logits(images, texts, weights, scale):
    return fuse(AsGiven(), FusionInputs(weights, images, texts, scale))


def fused_logits_reference(images, texts, weights, scale):
    return fuse_reference(AsGiven(), FusionInputs(weights, images, texts, scale))


SHAPES = [(1, 1, 2, 4), (7, 3, 5, 16), (33, 2, 1, 8), (5, 8, 9, 32)]


def drawn(n, s, k, d, dtype=torch.float32):
    draws = generator(0, "fuse")
    images = F.normalize(torch.randn(n, d, generator=draws, dtype=dtype), dim=-1)
    texts = F.normalize(torch.randn(s, k, d, generator=draws, dtype=dtype), dim=-1)
    weights = torch.softmax(2 * torch.randn(n, s, generator=draws, dtype=dtype), dim=-1)
    return images, texts, weights


@pytest.mark.parametrize("shape", SHAPES)
def test_logits_agree_with_the_definition(shape):
    parts = drawn(*shape)
    expected = fused_logits_reference(*parts, 50.0)
    assert torch.allclose(fused_logits(*parts, 50.0), expected, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_agree_with_the_definition(shape):
    parts = drawn(*shape, dtype=torch.double)
    direction = torch.randn(shape[0], shape[2], generator=generator(1, "d"), dtype=torch.double)
    gradients = []
    for function in (fused_logits, fused_logits_reference):
        leaves = [part.clone().requires_grad_() for part in parts]
        (function(*leaves, 20.0) * direction).sum().backward()
        gradients.append([leaf.grad for leaf in leaves])
    for fast, exact in zip(*gradients, strict=True):
        assert torch.allclose(fast, exact, atol=1e-8)


def test_the_definition_is_the_cosine_to_the_weighted_text_feature():
    images, texts, weights = drawn(4, 3, 2, 8)
    logits = fused_logits_reference(images, texts, weights, 10.0)
    for i in range(4):
        for k in range(2):
            t = sum(weights[i, s] * texts[s, k] for s in range(3))
            assert float(logits[i, k]) == pytest.approx(
                10.0 * float(F.cosine_similarity(images[i], t, dim=0)), abs=1e-4
            )


@pytest.mark.parametrize("elements", [1, 15, 100])
def test_working_in_chunks_changes_nothing(elements, monkeypatch):
    parts = drawn(33, 3, 5, 16)
    whole = fused_logits(*parts, 20.0)
    monkeypatch.setattr(ldpf.fusion.fuse, "_ELEMENTS_PER_CHUNK", elements)
    assert torch.allclose(fused_logits(*parts, 20.0), whole, atol=1e-5)


def test_memory_stays_bounded_for_many_images(monkeypatch):
    sizes = []
    einsum = torch.einsum

    def watched(equation, *operands):
        result = einsum(equation, *operands)
        if equation == "nd,skd->nsk":
            sizes.append(result.numel())
        return result

    monkeypatch.setattr(ldpf.fusion.fuse, "_ELEMENTS_PER_CHUNK", 60)
    monkeypatch.setattr(torch, "einsum", watched)
    fused_logits(*drawn(33, 3, 5, 16), 20.0)
    assert max(sizes) <= 60 and sum(sizes) == 33 * 15


def test_an_image_alone_gets_the_logits_it_gets_in_a_batch():
    images, texts, weights = drawn(20, 3, 5, 16)
    together = fused_logits(images, texts, weights, 20.0)
    alone = torch.cat(
        [fused_logits(images[i : i + 1], texts, weights[i : i + 1], 20.0) for i in range(20)]
    )
    assert torch.allclose(alone, together, atol=1e-5)


def test_all_weight_on_one_prompt_gives_its_logits():
    images, texts, _ = drawn(10, 3, 5, 16)
    weights = torch.tensor([0.0, 1.0, 0.0]).expand(10, 3)
    expected = 20.0 * images @ texts[1].T
    assert torch.allclose(fused_logits(images, texts, weights, 20.0), expected, atol=1e-5)


def test_equal_prompts_give_their_logits_under_any_weights():
    images, texts, weights = drawn(10, 3, 5, 16)
    same = texts[:1].expand(3, -1, -1)
    expected = 20.0 * images @ texts[0].T
    assert torch.allclose(fused_logits(images, same, weights, 20.0), expected, atol=1e-4)


def test_prompts_that_cancel_out_give_finite_logits():
    images, texts, _ = drawn(4, 1, 3, 8)
    opposite = torch.cat([texts, -texts])
    logits = fused_logits(images, opposite, torch.full((4, 2), 0.5), 20.0)
    assert torch.isfinite(logits).all()


def test_no_images_give_no_logits():
    _, texts, _ = drawn(1, 3, 5, 16)
    assert fused_logits(torch.zeros(0, 16), texts, torch.zeros(0, 3), 20.0).shape == (0, 5)
