"""The cost of candidates is counted before anything is trained, and kept within a limit."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from ldpf.methods.affordable import NO_TRAINING, affordable, estimated_costs, reference_of
from ldpf.methods.auto import CANDIDATES, MEMBERS, Auto
from ldpf.methods.coop import CoOp
from ldpf.methods.ldpf_losses import LDPFLearner
from ldpf.training.loop import PromptTraining
from ldpf.training.recipe import FAST, PAPER, STEADY

SHORT = replace(FAST, max_steps=10, cooldown=2, patience=6, round_every=3, evaluate_every=2)


def costs(names, recipe=STEADY, n_domains=3, n_folds=3, **options):
    method = Auto(recipe=recipe)
    options = {"n_train": 5000, "n_folds": n_folds, "fold_steps": method.judge_steps, **options}
    return estimated_costs(names, lambda name: method.candidate(name, n_domains), **options)


def test_a_training_costs_its_steps_and_those_in_folds():
    found = costs(("ldpf", "coop", "gda", "ldpf+gda"))
    assert found["ldpf"] == 1
    assert found["coop"] == pytest.approx((600 + 3 * 100) / 600)
    assert found["gda"] == found["ldpf+gda"] == NO_TRAINING
    assert costs(("ldpf", "coop"), n_folds=0)["coop"] == 1


def test_a_step_with_more_prompts_costs_more():
    at_once = Auto().candidate("cocoop", 3).n_prompts
    assert at_once > 3
    assert costs(("ldpf", "cocoop"), n_folds=0)["cocoop"] == pytest.approx(at_once / 3)


def test_a_variant_of_what_is_no_candidate_costs_its_training():
    found = costs(("ldpf", "coop+gda"))
    assert found["coop+gda"] == pytest.approx(NO_TRAINING + 1.5)


@pytest.mark.parametrize("recipe", [STEADY, FAST, PAPER])
@pytest.mark.parametrize("n_domains", [1, 2, 3, 8])
def test_the_default_candidates_are_within_the_limit(recipe, n_domains):
    found = costs(CANDIDATES, recipe, n_domains, n_folds=n_domains if n_domains > 1 else 0)
    kept, out = affordable(found, MEMBERS, Auto().most_cost)
    assert out == [] if n_domains < 4 else True
    assert sum(found[name] for name in kept) <= Auto().most_cost


def test_candidates_are_left_out_in_their_order_and_cheap_ones_after_them_stay():
    found = {"ldpf": 1.0, "kgcoop": 1.5, "coop": 1.5, "gda": 0.4, "coop+gda": 0.4}
    kept, out = affordable(found, ("ldpf",), 3.0)
    assert kept == ["ldpf", "kgcoop", "gda"]
    assert out == ["coop", "coop+gda"]  # a variant is not kept without its method


def test_members_are_kept_at_any_cost():
    kept, out = affordable({"coop": 1.5, "ldpf": 1.0, "ldpf+gda": 0.4}, ("ldpf+gda",), 0.0)
    assert (kept, out) == (["ldpf", "ldpf+gda"], ["coop"])


def test_without_prompts_that_are_fused_nothing_is_compared():
    assert reference_of(("gda", "coop")) is None
    assert costs(("gda", "coop")) == {}
    assert reference_of(("gda", "ldpf-gate")) == "ldpf"


def test_the_steps_taken_are_those_counted(make_features, tiny_clip, monkeypatch):
    steps = {"ldpf": 0, "coop": 0}
    original = PromptTraining.one_step

    def counted(self, *arguments):
        name = "ldpf" if isinstance(self.learner, LDPFLearner) else "coop"
        steps[name] += 1
        return original(self, *arguments)

    monkeypatch.setattr(PromptTraining, "one_step", counted)
    endless = replace(SHORT, patience=10, cooldown=10)
    method = replace(Auto(recipe=endless), candidates=("ldpf", "coop", *MEMBERS[1:]))
    method.fit(make_features(6, seed=0), make_features(3, seed=1), tiny_clip)
    found = costs(method.candidates, endless)
    assert 0 < steps["coop"] <= found["coop"] * steps["ldpf"]


def test_what_is_left_out_is_said_and_not_trained(make_features, tiny_clip, monkeypatch, caplog):
    def refuse(*_, **__):
        raise AssertionError("trained")

    monkeypatch.setattr(CoOp, "fit", refuse)
    method = replace(Auto(recipe=SHORT), most_cost=3.0)
    with caplog.at_level(logging.WARNING, logger="ldpf"):
        fitted = method.fit(make_features(6, seed=0), make_features(3, seed=1), tiny_clip)
    found = fitted.training["auto"]
    assert "coop" in found["too_costly"]
    assert "coop" not in [row["name"] for row in found["table"]]
    assert any("more than 3 trainings of ldpf: " in m and "coop" in m for m in caplog.messages)
