from __future__ import annotations

import logging

import pytest
import torch
import torch.nn.functional as F
from drawn_inputs import drawn_examples

from ldpf.errors import SettingsError
from ldpf.fusion import FusionExamples
from ldpf.fusion.auto import CANDIDATES, Auto, Judged, calibrated, choose, judge, reason
from ldpf.fusion.episodes import episode_logits
from ldpf.fusion.fallback import Fallback
from ldpf.fusion.fitting import likeliest_scale
from ldpf.fusion.similarity import Similarity
from ldpf.fusion.uniform import Uniform
from ldpf.utils.seed import generator

N, S, K, D = 300, 4, 5, 16


def drawn(informative: bool, n_domains: int = S) -> FusionExamples:
    return drawn_examples("auto", N, n_domains, K, teacher=1 if informative else None)


@pytest.mark.slow
def test_it_becomes_a_rule_that_uses_similarities_where_they_tell():
    examples = drawn(informative=True)
    rule = Auto().fit(examples, examples)
    assert not isinstance(rule, Auto | Uniform) and rule.needs_fit is False


@pytest.mark.slow
def test_it_becomes_uniform_where_no_rule_helps():
    examples = drawn(informative=False)
    assert Auto().fit(examples, examples) == Uniform()


def test_one_latent_domain_needs_no_choice():
    examples = drawn(informative=False, n_domains=1)
    assert Auto().fit(examples, examples) == Uniform()


@pytest.mark.slow
def test_two_latent_domains_leave_nothing_to_compare():
    examples = drawn(informative=False, n_domains=2)
    assert Auto().fit(examples, examples) == Uniform()


@pytest.mark.slow
def test_the_table_and_the_reason_are_logged(caplog):
    examples = drawn(informative=True)
    with caplog.at_level(logging.INFO, logger="ldpf"):
        Auto().fit(examples, examples)
    assert all(name in caplog.text for name in CANDIDATES)
    assert "more than the standard error" in caplog.text


def test_a_candidate_is_judged_with_own_prompts_left_out_and_domains_the_same():
    examples = drawn(informative=True)
    rules = {"uniform": Uniform(), "soft": Similarity(tau=1.0)}
    judged = judge(rules, examples, examples)
    logits = episode_logits(Similarity(tau=1.0), examples)
    a = likeliest_scale(logits, examples.labels)
    values = -F.cross_entropy(a * logits.double(), examples.labels, reduction="none")
    expected = sum(float(values[examples.domains == s].mean()) for s in range(S)) / S
    assert judged["soft"].log_likelihood == pytest.approx(expected, abs=1e-6)
    assert judged["uniform"].gain == 0.0


def test_being_less_sure_of_the_same_answers_is_no_gain():
    logits = 5 * torch.randn(100, 4, generator=generator(0, "sure"))
    labels = torch.multinomial(logits.softmax(dim=1), 1, generator=generator(1, "sure"))[:, 0]
    difference = calibrated(logits, labels) - calibrated(0.3 * logits, labels)
    assert float(difference.abs().max()) < 1e-4


def test_a_gain_within_its_error_is_none():
    first = Judged(-1.0, 0.0, 0.0)
    assert choose({"uniform": first, "other": Judged(-0.9, 0.1, 0.2)}) == "uniform"
    assert choose({"uniform": first, "other": Judged(-0.9, 0.1, 0.05)}) == "other"
    assert choose({"uniform": first, "other": Judged(-1.1, -0.1, 0.05)}) == "uniform"


def test_the_reason_names_the_choice_and_its_rival():
    judged = {"uniform": Judged(-1.0, 0.0, 0.0), "other": Judged(-0.9, 0.1, 0.2)}
    assert "uniform" in reason(judged, "uniform") and "other" in reason(judged, "uniform")


def test_before_the_choice_it_gives_no_weights():
    with pytest.raises(SettingsError, match="'auto'"):
        Auto().weights(drawn(informative=False).inputs)


@pytest.mark.slow
def test_it_may_fall_back_where_zero_shot_features_are_known(caplog):
    examples = drawn(informative=True)
    hard = F.normalize(torch.eye(K, D) + 0.01, dim=-1)
    labels = (examples.inputs.image_features @ hard.T).argmax(dim=1)
    unlike = FusionExamples(examples.inputs, labels, examples.domains)
    with caplog.at_level(logging.INFO, logger="ldpf"):
        rule = Auto().with_zero_shot(hard).fit(unlike, unlike)
    assert isinstance(rule, Fallback) and torch.equal(rule.zero_shot, hard)
    assert "fallback" in caplog.text
