"""Matrix products in bfloat16 give nearly the features and gradients of float32."""

from __future__ import annotations

import pytest
import torch

from ldpf.errors import SettingsError
from ldpf.text import PromptedTextEncoder
from ldpf.text.encoder import PATHS
from ldpf.utils.seed import generator

NAMES = ("cat", "dog", "wild horse")


@pytest.fixture
def contexts():
    return torch.randn(2, 4, 32, generator=generator(0, "contexts")).requires_grad_()


def features_and_gradient(encoder, contexts):
    features = encoder(contexts)
    weights = torch.linspace(-1, 2, features.shape[-1])
    (gradient,) = torch.autograd.grad((features * weights).sum(), contexts)
    return features.detach(), gradient


@pytest.mark.parametrize("path", [path for path in PATHS if path != "auto"])
@pytest.mark.parametrize("class_chunk", [None, 1])
def test_values_and_gradients_are_those_of_float32_to_two_digits(
    tiny_clip, contexts, path, class_chunk
):
    exact = PromptedTextEncoder(tiny_clip.text, NAMES, path=path, class_chunk=class_chunk)
    rounded = exact.with_precision("bfloat16")
    (features, gradient), others = (
        features_and_gradient(encoder, contexts) for encoder in (exact, rounded)
    )
    assert 1e-6 < largest_difference(features, others[0]) < 2e-2  # rounded, and not by much
    assert 1e-6 < largest_difference(gradient, others[1]) < 5e-2
    assert torch.cosine_similarity(gradient.flatten(), others[1].flatten(), 0) > 0.999


def largest_difference(one, other):
    assert one.dtype == other.dtype == torch.float32
    return float((one - other).abs().max() / one.abs().max())


def test_the_encoder_it_comes_from_stays_as_it_is(tiny_clip, contexts):
    exact = PromptedTextEncoder(tiny_clip.text, NAMES)
    other = PromptedTextEncoder(tiny_clip.text, NAMES)
    other(contexts[:, :3])
    other.with_precision("bfloat16")(contexts)  # prepares what prompts of four tokens need
    assert torch.equal(other(contexts), exact(contexts))


def test_features_have_length_one(tiny_clip, contexts):
    features = PromptedTextEncoder(tiny_clip.text, NAMES).with_precision("bfloat16")(contexts)
    assert features.norm(dim=-1).allclose(torch.ones(2, len(NAMES)), atol=1e-5)


def test_another_precision_is_refused(tiny_clip):
    with pytest.raises(SettingsError, match=r"precision='half'.*float32"):
        PromptedTextEncoder(tiny_clip.text, NAMES).with_precision("half")
