from __future__ import annotations

import pytest
import torch
from drawn_inputs import drawn_inputs

from ldpf.errors import SettingsError
from ldpf.fusion import FUSION_RULES, FusionInputs, as_rule
from ldpf.fusion.fuse import fuse, fuse_reference
from ldpf.utils.seed import generator

N, S, K, D = 30, 4, 5, 16


def drawn(n_domains: int = S) -> FusionInputs:
    return drawn_inputs(generator(0, "inputs"), N, n_domains, K)


def permuted(inputs: FusionInputs, order: list[int]) -> FusionInputs:
    return FusionInputs(
        inputs.similarities[:, order],
        inputs.image_features,
        inputs.text_features[order],
        inputs.logit_scale,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", FUSION_RULES)
def test_weights_are_shares_that_sum_to_one(name, fitted_rule):
    weights = fitted_rule(name, drawn()).weights(drawn())
    assert weights.shape[:2] == (N, S)
    assert (weights >= 0).all()
    assert torch.allclose(weights.sum(dim=1), torch.ones(()), atol=1e-6)


@pytest.mark.parametrize("name", FUSION_RULES)
def test_a_single_latent_domain_gets_all_the_weight(name, fitted_rule):
    weights = fitted_rule(name, drawn(1)).weights(drawn(1))
    assert torch.equal(weights, torch.ones_like(weights))


@pytest.mark.parametrize("name", FUSION_RULES)
def test_two_latent_domains_are_enough(name, fitted_rule):
    weights = fitted_rule(name, drawn(2)).weights(drawn(2))
    assert torch.allclose(weights.sum(dim=1), torch.ones(()), atol=1e-6)


@pytest.mark.parametrize("name", FUSION_RULES)
def test_an_images_answer_does_not_depend_on_the_other_images(name, fitted_rule):
    inputs = drawn()
    rule = fitted_rule(name, inputs)
    alone = torch.cat([fuse(rule, inputs.rows(row, row + 1)) for row in range(N)])
    assert torch.allclose(alone, fuse(rule, inputs), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", FUSION_RULES)
def test_the_order_of_latent_domains_changes_nothing_but_the_order_of_weights(name, fitted_rule):
    inputs, order = drawn(), [2, 0, 3, 1]
    other = permuted(inputs, order)
    rule, permuted_rule = fitted_rule(name, inputs), fitted_rule(name, other)
    expected = rule.weights(inputs)[:, order]
    assert torch.allclose(permuted_rule.weights(other), expected, atol=1e-6)
    assert torch.allclose(fuse(permuted_rule, other), fuse(rule, inputs), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", FUSION_RULES)
def test_a_rule_that_learns_needs_its_fit_and_has_the_shapes_that_it_declares(name, fitted_rule):
    rule = fitted_rule(name, drawn())
    assert FUSION_RULES.make(name).needs_fit is FUSION_RULES.facts(name).get("learns", False)
    assert rule.needs_fit is False
    shapes = {key: tuple(value.shape) for key, value in rule.tensors().items()}
    assert shapes == rule.shapes(S, K, D)


@pytest.mark.parametrize("mixes", ["text", "logits", "probabilities"])
@pytest.mark.parametrize("name", FUSION_RULES)
def test_the_fast_way_is_the_definition(name, mixes, monkeypatch, fitted_rule):
    rule = fitted_rule(name, drawn())
    monkeypatch.setattr(type(rule), "mixes", mixes)
    assert torch.allclose(fuse(rule, drawn()), fuse_reference(rule, drawn()), atol=1e-4)


@pytest.mark.parametrize("mixes", ["text", "logits", "probabilities"])
def test_weights_may_differ_between_classes(mixes, monkeypatch):
    rule, inputs = FUSION_RULES.make("uniform"), drawn()
    draws = generator(1, "weights")
    by_class = torch.softmax(torch.randn(N, S, K, generator=draws), dim=1)
    monkeypatch.setattr(type(rule), "mixes", mixes)
    monkeypatch.setattr(type(rule), "weights", lambda self, inputs: by_class)
    assert torch.allclose(fuse(rule, inputs), fuse_reference(rule, inputs), atol=1e-4)


def test_a_rule_is_made_from_its_name_with_the_settings_that_it_has():
    assert as_rule("similarity", tau=0.7).tau == 0.7
    assert as_rule("uniform", tau=0.7) == FUSION_RULES.make("uniform")
    rule = FUSION_RULES.make("nearest")
    assert as_rule(rule) is rule


def test_an_unknown_rule_is_refused_with_the_names():
    with pytest.raises(
        SettingsError, match=f"'simlarity'.*'similarity'.*{', '.join(FUSION_RULES)}"
    ):
        as_rule("simlarity")
