from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ldpf.errors import SettingsError
from ldpf.fusion import FusionExamples, FusionInputs
from ldpf.fusion.class_weights import _LEAST, ClassWeights
from ldpf.utils.seed import generator

N, S, K, D = 90, 3, 4, 8


def drawn() -> FusionExamples:
    draws = generator(0, "class-weights")
    inputs = FusionInputs(
        2 * torch.rand(N, S, generator=draws) - 1,
        F.normalize(torch.randn(N, D, generator=draws), dim=-1),
        F.normalize(torch.randn(S, K, D, generator=draws), dim=-1),
        10.0,
    )
    return FusionExamples(inputs, torch.randint(K, (N,), generator=draws), torch.arange(N) % S)


def test_the_weights_are_those_of_a_loop_over_images():
    examples = drawn()
    log_p = examples.inputs.prompt_logits.log_softmax(dim=2)
    excess = [[[] for _ in range(K)] for _ in range(S)]
    for i in range(N):
        label, others = int(examples.labels[i]), [s for s in range(S) if s != examples.domains[i]]
        values = {s: max(float(log_p[i, s, label]), _LEAST) for s in others}
        for s in others:
            excess[s][label].append(values[s] - sum(values.values()) / len(others))
    gains = torch.empty(S, K)
    for s in range(S):
        every = [value for values in excess[s] for value in values]
        for k, values in enumerate(excess[s]):
            prior = 7.0 * sum(every) / len(every)
            gains[s, k] = (sum(values) + prior) / (len(values) + 7.0)
    rule = ClassWeights(temperature=0.2, prior=7.0).fit(examples, examples)
    assert torch.allclose(rule.by_class, torch.softmax(gains / 0.2, dim=0), atol=1e-5)


def test_a_prompt_that_does_not_know_a_class_loses_it_only():
    examples = drawn()
    labels = examples.inputs.prompt_logits[:, 0].argmax(dim=1)  # prompt 0 is always right
    texts = examples.inputs.text_features.clone()
    texts[2], texts[1] = texts[0], texts[0]
    texts[1, 3] = -texts[0, 3]
    inputs = FusionInputs(examples.inputs.similarities, examples.inputs.image_features, texts, 10.0)
    part = FusionExamples(inputs, labels, examples.domains)
    weights = ClassWeights().fit(part, part).by_class
    assert float(weights[1, 3]) < 0.2
    assert float(weights[1, :3].min()) > float(weights[1, 3])


def test_two_prompts_cannot_be_compared():
    examples = drawn()
    inputs = examples.inputs
    two = FusionInputs(
        inputs.similarities[:, :2], inputs.image_features, inputs.text_features[:2], 10.0
    )
    part = FusionExamples(two, examples.labels, torch.arange(N) % 2)
    assert torch.equal(ClassWeights().fit(part, part).by_class, torch.full((2, K), 0.5))


@pytest.mark.parametrize("change", [{"temperature": 0}, {"prior": -1}])
def test_settings_that_are_none_are_refused(change):
    (name,) = change
    with pytest.raises(SettingsError, match=f"{name}={change[name]}"):
        ClassWeights(**change)
