from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from drawn_inputs import drawn_inputs

from ldpf.errors import SettingsError
from ldpf.fusion import FusionInputs
from ldpf.fusion.fuse import fuse
from ldpf.fusion.similarity import Similarity
from ldpf.fusion.steering import Steering, spectral_directions
from ldpf.utils.seed import generator

N, S, K, D = 40, 3, 6, 16


def drawn(n_classes: int = K) -> FusionInputs:
    return drawn_inputs(generator(0, "steering"), N, S, n_classes, scale=10.0)


def entropies(logits: torch.Tensor) -> torch.Tensor:
    return torch.distributions.Categorical(logits=logits).entropy()


def steered_reference(rule: Steering, inputs: FusionInputs) -> torch.Tensor:
    """The definition: every t_k(x) + U^T a(x) is built, and autograd gives the gradient."""
    directions = spectral_directions(inputs.text_features, rule.rank)
    rows = []
    for alpha, f in zip(rule.weights(inputs), inputs.image_features, strict=True):
        t = F.normalize(torch.einsum("s,skd->kd", alpha, inputs.text_features), dim=-1)
        a = torch.zeros(len(directions), requires_grad=True)

        def logits(a: torch.Tensor, t: torch.Tensor = t, f: torch.Tensor = f) -> torch.Tensor:
            return inputs.logit_scale * F.normalize(t + a @ directions, dim=-1) @ f

        for _ in range(rule.steps):
            (gradient,) = torch.autograd.grad(entropies(logits(a)), a)
            a = (a - rule.step_size * gradient / gradient.norm()).detach().requires_grad_()
        rows.append(logits(a).detach())
    return torch.stack(rows)


def test_the_fast_way_is_the_definition():
    rule, inputs = Steering(tau=0.5, rank=3, steps=4, step_size=0.1), drawn()
    assert torch.allclose(fuse(rule, inputs), steered_reference(rule, inputs), atol=1e-4)


def test_answers_become_surer():
    inputs = drawn()
    before, after = (entropies(fuse(Steering(steps=n), inputs)) for n in (0, 3))
    assert (after < before).all()


def test_no_steps_are_similarity():
    inputs = drawn()
    expected = fuse(Similarity(tau=0.7), inputs)
    assert torch.allclose(fuse(Steering(tau=0.7, steps=0), inputs), expected, atol=1e-5)


def test_the_directions_are_those_in_which_classes_differ_most():
    draws = generator(0, "directions")
    large, small = torch.zeros(2, D).scatter_(1, torch.tensor([[3], [5]]), 1.0)
    along = 0.5 * torch.randn(K, 1, generator=draws) * large
    texts = (1 + along + 0.01 * torch.randn(K, 1, generator=draws) * small).expand(S, K, D)
    first, second, *others = spectral_directions(texts, 4).abs()  # the classes span two
    assert torch.allclose(first, large, atol=0.05)
    assert torch.allclose(second, small, atol=0.05)
    assert all(torch.equal(other, torch.zeros(D)) for other in others)


def test_a_single_class_has_nothing_to_steer():
    inputs = drawn(n_classes=1)
    assert spectral_directions(inputs.text_features, 4).shape == (0, D)
    assert torch.allclose(fuse(Steering(), inputs), fuse(Similarity(), inputs), atol=1e-5)


def test_training_does_not_steer():
    assert Steering(tau=0.3).in_training() == Similarity(tau=0.3)


@pytest.mark.parametrize(("name", "value"), [("rank", 0), ("steps", -1), ("step_size", 0)])
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(SettingsError, match=rf"{name}.*{value}"):
        Steering(**{name: value})
