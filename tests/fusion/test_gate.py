from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from drawn_inputs import drawn_examples

from ldpf.errors import SettingsError
from ldpf.fusion import FusionExamples, FusionInputs
from ldpf.fusion.episodes import answers_for_labels, episode_logits
from ldpf.fusion.gate import Gate, episode_answers, gate_logits, helpful_share
from ldpf.utils.seed import generator

N, S, K, D = 300, 4, 5, 16


def drawn(informative: bool) -> FusionExamples:
    """Images whose labels the most similar other prompt knows, or chance alone."""
    return drawn_examples("gate", N, S, K, teacher=1 if informative else None)


def test_it_learns_that_similar_prompts_are_right():
    examples = drawn(informative=True)
    gate = Gate().fit(examples, examples)
    assert float(gate.share) == 1.0 and float(gate.scale) > 2
    equal = Gate.weights(gate, examples.inputs).mean()
    assert float(equal) == pytest.approx(1 / S)
    nearest = gate.weights(examples.inputs).argmax(dim=1)
    assert float((nearest == examples.domains).float().mean()) > 0.9


def test_where_similarity_says_nothing_the_weights_are_equal():
    examples = drawn(informative=False)
    gate = Gate().fit(examples, examples)
    assert float(gate.share) == 0.0
    weights = gate.weights(examples.inputs)
    assert torch.equal(weights, torch.full_like(weights, 1 / S))


def test_two_prompts_leave_nothing_to_learn():
    examples = drawn(informative=True)
    inputs = examples.inputs
    two = FusionInputs(
        inputs.similarities[:, :2], inputs.image_features, inputs.text_features[:2], 20.0
    )
    part = FusionExamples(two, examples.labels, two.similarities.argmax(dim=1))
    weights = Gate().fit(part, part).weights(two)
    assert torch.equal(weights, torch.full_like(weights, 0.5))


def test_the_loss_is_that_of_all_classes_mixed():
    examples = drawn(informative=True)
    draws = generator(1, "values")
    values = {
        "scale": torch.tensor(1.7),
        "matrix": torch.randn(S, S, generator=draws),
        "bias": torch.randn(S, generator=draws),
    }
    logits = gate_logits(examples.inputs.similarities, **values).double()
    fast = episode_answers(logits, answers_for_labels(examples), examples.domains)
    rule = Gate(**values, share=torch.tensor(1.0))
    slow = -F.cross_entropy(episode_logits(rule, examples), examples.labels, reduction="none")
    assert torch.allclose(fast.float(), slow, atol=1e-4)


def test_the_own_prompt_is_no_part_of_the_loss():
    examples = drawn(informative=True)
    answers = answers_for_labels(examples)
    changed = answers.clone()
    changed[torch.arange(N), examples.domains] = -100.0
    logits = examples.inputs.similarities.double()
    before = episode_answers(logits, answers, examples.domains)
    assert torch.equal(episode_answers(logits, changed, examples.domains), before)


def test_fitting_twice_gives_the_same_bits():
    examples = drawn(informative=True)
    first, second = (Gate().fit(examples, examples) for _ in range(2))
    for name, value in first.tensors().items():
        assert torch.equal(value, second.tensors()[name])


def test_a_large_decay_leaves_equal_weights():
    examples = drawn(informative=True)
    gate = Gate(decay=1e6).fit(examples, examples)
    weights = gate.weights(examples.inputs)
    assert torch.allclose(weights, torch.full_like(weights, 1 / S), atol=0.02)


def test_the_share_needs_a_gain_beyond_its_error():
    equal = torch.log(torch.full((100,), 0.5).double())
    domains = torch.arange(100) % 2
    better, worse = torch.log(torch.full((100,), 0.8).double()), equal - 0.1
    assert helpful_share(better, equal, domains) == 1.0
    assert helpful_share(worse, equal, domains) == 0.0
    sometimes = torch.where(torch.arange(100) < 50, 0.9, 0.1).double().log()
    assert helpful_share(sometimes, equal, domains) == 0.0


def test_a_decay_that_is_none_is_refused():
    with pytest.raises(SettingsError, match="decay=0"):
        Gate(decay=0)
