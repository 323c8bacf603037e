from __future__ import annotations

import pytest
import torch
from drawn_inputs import drawn_examples

from ldpf.errors import SettingsError
from ldpf.fusion import FusionExamples, FusionInputs
from ldpf.fusion.similarity import Similarity
from ldpf.fusion.trust import Trust, trust_signals

N, S, K, D = 300, 4, 5, 16


def drawn(teacher: int | None) -> FusionExamples:
    """Labels by the prompt that is `teacher`-th most similar, or by chance."""
    return drawn_examples("trust", N, S, K, teacher=teacher)


def trusted(rule: Trust, inputs: FusionInputs) -> torch.Tensor:
    """r(x), from the weights."""
    similar = Similarity(tau=rule.tau).weights(inputs).max(dim=1).values
    return (rule.weights(inputs).max(dim=1).values - 1 / S) / (similar - 1 / S)


def test_similarities_that_tell_are_trusted():
    examples = drawn(teacher=1)  # own prompts are left out, so the next one is the most similar
    rule = Trust().fit(examples, examples)
    assert float(trusted(rule, examples.inputs).median()) > 0.8


def test_similarities_that_mislead_are_not():
    examples = drawn(teacher=3)
    rule = Trust().fit(examples, examples)
    assert float(trusted(rule, examples.inputs).median()) < 0.2


def test_a_large_decay_trusts_by_half():
    examples = drawn(teacher=1)
    rule = Trust(decay=1e6).fit(examples, examples)
    assert trusted(rule, examples.inputs).tolist() == pytest.approx([0.5] * N, abs=1e-3)


def test_closeness_is_the_share_of_training_images_that_are_not_closer():
    examples = drawn(teacher=1)
    rule = Trust().fit(examples, examples)
    inputs = examples.inputs
    equal = torch.full((N, S), 1 / S)
    closeness = trust_signals(inputs, equal, equal, rule.quantiles)[:, 0]
    largest = inputs.similarities.max(dim=1).values
    expected = (largest[None] <= largest[:, None]).float().mean(dim=1)
    assert torch.allclose(closeness, expected, atol=0.02)


def test_prompts_that_answer_alike_agree_and_others_do_not():
    image = torch.tensor([[1.0, 0.0]])
    same = torch.tensor([[[1.0, 0.0], [-1.0, 0.0]]]).expand(2, -1, -1)
    opposite = torch.stack([same[0], -same[0]])
    half, quantiles = torch.full((1, 2), 0.5), torch.zeros(101)
    for texts, agreement, confidence in ((same, 1.0, 1.0), (opposite, 0.0, 0.5)):
        inputs = FusionInputs(torch.zeros(1, 2), image, texts, 20.0)
        signals = trust_signals(inputs, half, half, quantiles)[0].tolist()
        assert signals == pytest.approx([1.0, agreement, confidence], abs=1e-4)


def test_fitting_twice_gives_the_same_bits():
    examples = drawn(teacher=1)
    first, second = (Trust().fit(examples, examples).tensors() for _ in range(2))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.parametrize("change", [{"tau": 0}, {"decay": -1}])
def test_settings_that_are_none_are_refused(change):
    (name,) = change
    with pytest.raises(SettingsError, match=f"{name}={change[name]}"):
        Trust(**change)
