from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
import torch.nn.functional as F

from ldpf.fusion import FusionExamples, FusionInputs, FusionRule
from ldpf.fusion.episodes import (
    answers_for_labels,
    balanced_mean,
    balanced_shares,
    episode_logits,
    judged_logits,
    without_own,
)
from ldpf.fusion.similarity import Similarity
from ldpf.utils.learned import learned
from ldpf.utils.seed import generator

N, S, K, D = 30, 3, 4, 8


@pytest.fixture
def examples():
    draws = generator(0, "episodes")
    inputs = FusionInputs(
        2 * torch.rand(N, S, generator=draws) - 1,
        F.normalize(torch.randn(N, D, generator=draws), dim=-1),
        F.normalize(torch.randn(S, K, D, generator=draws), dim=-1),
        20.0,
    )
    labels = torch.randint(K, (N,), generator=draws)
    return FusionExamples(inputs, labels, torch.arange(N) % S)


def test_own_weights_are_gone_and_the_others_keep_their_proportions():
    weights = without_own(torch.tensor([[0.5, 0.3, 0.2]]), torch.tensor([0]))
    assert torch.allclose(weights, torch.tensor([[0.0, 0.6, 0.4]]))


def test_weights_of_classes_are_left_out_as_well():
    weights = torch.tensor([[[0.5, 0.1], [0.3, 0.3], [0.2, 0.6]]])
    expected = torch.tensor([[[0.0, 0.0], [0.6, 1 / 3], [0.4, 2 / 3]]])
    assert torch.allclose(without_own(weights, torch.tensor([0])), expected)


def test_all_weight_on_the_own_prompt_becomes_equal_weights_of_the_others():
    weights = without_own(torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([1]))
    assert weights.tolist() == [[0.5, 0.0, 0.5]]


def test_a_single_prompt_stays():
    assert without_own(torch.ones(2, 1), torch.tensor([0, 0])).tolist() == [[1.0], [1.0]]


def test_answers_are_those_for_the_labels(examples):
    answers = answers_for_labels(examples)
    log_p = examples.inputs.prompt_logits.log_softmax(dim=2)
    for i in range(N):
        assert torch.allclose(answers[i].float(), log_p[i, :, examples.labels[i]], atol=1e-4)


def test_an_episode_is_the_rule_with_one_prompt_less(examples):
    logits = episode_logits(Similarity(tau=0.3), examples)
    inputs = examples.inputs
    for i in range(N):
        others = [s for s in range(S) if s != int(examples.domains[i])]
        alpha = torch.softmax(inputs.similarities[i, others] / 0.3, dim=0)
        text = F.normalize(torch.einsum("s,skd->kd", alpha, inputs.text_features[others]), dim=-1)
        assert torch.allclose(logits[i], 20.0 * text @ inputs.image_features[i], atol=1e-4)


@dataclass(frozen=True)
class Remembers(FusionRule):
    """Keeps which latent domains it was fitted to."""

    seen: torch.Tensor | None = learned()

    def weights(self, inputs):
        return self.seen.expand_as(inputs.similarities)

    def fit(self, train, validation, *, seed=0):
        seen = torch.bincount(torch.cat([train.domains, validation.domains]), minlength=S) > 0
        return replace(self, seen=seen / seen.sum())


def test_a_rule_that_learns_is_judged_by_latent_domains_it_was_not_fitted_to(examples):
    logits = judged_logits(Remembers(), examples, examples)
    for domain in range(S):
        part = examples.select(examples.domains == domain)
        others = examples.select(examples.domains != domain)
        expected = episode_logits(Remembers().fit(others, others), part)
        assert float(Remembers().fit(others, others).seen[domain]) == 0
        assert torch.equal(logits[examples.domains == domain], expected)


def test_images_of_a_group_that_is_judged_fit_no_rule_of_that_fold(examples):
    groups = torch.full((N,), -1)
    groups[:6] = torch.tensor([7, 7, 8, 9, 9, 9])  # of latent domains 0, 1, 2, 0, 1, 2
    grouped = replace(examples, groups=groups)
    logits = judged_logits(Remembers(), grouped, grouped)
    for domain, aside in enumerate([(1, 4, 5), (0, 3, 5), (3, 4)]):
        rows = [i for i in range(N) if i % S != domain and i not in aside]
        others = examples.select(torch.tensor(rows))
        part = examples.select(examples.domains == domain)
        expected = episode_logits(Remembers().fit(others, others), part)
        assert torch.equal(logits[examples.domains == domain], expected)


def test_with_one_latent_domain_there_is_no_fold(examples):
    part = examples.select(examples.domains == 1)
    expected = episode_logits(Remembers().fit(part, part), part)
    assert torch.equal(judged_logits(Remembers(), part, part), expected)


def test_latent_domains_count_the_same_however_large():
    values, domains = torch.tensor([1.0, 1.0, 1.0, 5.0]), torch.tensor([0, 0, 0, 2])
    assert balanced_mean(values, domains) == (3.0, 0.0)
    assert float((balanced_shares(domains) * values).sum()) == pytest.approx(3.0)


def test_the_error_is_that_of_the_mean_over_latent_domains():
    values = torch.tensor([0.0, 2.0, 1.0, 1.0]).double()
    _, error = balanced_mean(values, torch.tensor([0, 0, 1, 1]))
    assert error == pytest.approx((2.0 / 2) ** 0.5 / 2)  # variance 2 of two images, then 0
