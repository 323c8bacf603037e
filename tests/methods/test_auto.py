"""The method `auto`; the rule of its choice is in test_choice.py."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from statistics import fmean

import pytest
import torch

from ldpf.errors import SettingsError
from ldpf.experiments.plan import BenchmarkPlan
from ldpf.experiments.runner import run_benchmark
from ldpf.heads import VISUAL_HEADS
from ldpf.methods import auto, make_method
from ldpf.methods.auto import CANDIDATES, Auto
from ldpf.methods.choice import ENSEMBLE, cost_sentence
from ldpf.methods.choosing.left_out import LeftOutDomains
from ldpf.methods.head_shares import fitted_head
from ldpf.methods.judging import Judges
from ldpf.methods.ldpf_losses import LDPFLearner
from ldpf.methods.shares import least_regret_shares
from ldpf.methods.sides import side_folds
from ldpf.models.combined_classifier import CombinedClassifier
from ldpf.models.saving import load_model, save_model
from ldpf.models.temperature import fit_temperature
from ldpf.training.callbacks import RunRecord
from ldpf.training.recipe import FAST
from ldpf.utils.registry import part_settings

SHORT = replace(FAST, max_steps=10, cooldown=2, patience=6, round_every=3, evaluate_every=2)
# In 10 steps, those in folds are as many as those of a training.
METHOD = Auto(recipe=SHORT, most_cost=20.0)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(6, seed=0), make_features(3, seed=1)


@pytest.fixture(scope="module")
def fitted(data, tiny_clip):
    return METHOD.fit(*data, tiny_clip)


def test_every_candidate_is_judged_on_every_latent_domain(fitted):
    found = fitted.training["auto"]
    assert [row["name"] for row in found["table"]] == [*CANDIDATES, ENSEMBLE]
    assert found["n_folds"] == 3
    for row in found["table"]:
        assert len(row["by_domain"]) == 3
        assert row["left_out_accuracy"] == pytest.approx(sum(row["by_domain"]) / 3)


def test_a_candidate_is_judged_as_it_is_alone(fitted, data, tiny_clip):
    (row,) = [r for r in fitted.training["auto"]["table"] if r["name"] == "gda"]
    alone = make_method("gda").fit(*data, tiny_clip)
    assert row["validation_accuracy"] == alone.training["validation_accuracy"]


@pytest.mark.slow
def test_the_ensemble_has_equal_shares_of_calibrated_members_on_request(data, tiny_clip):
    fitted = replace(METHOD, margin=1e9, shares="equal").fit(*data, tiny_clip)
    assert isinstance(fitted, CombinedClassifier)
    assert fitted.training["auto"]["chosen"] == ENSEMBLE
    assert [member.method for member in fitted.members] == list(METHOD.members)
    assert fitted.shares == pytest.approx((0.5, 0.5))
    images = data[1].features
    added = sum(
        torch.log_softmax(member.logits(images) / temperature, dim=1) / 2
        for member, temperature in zip(fitted.members, fitted.temperatures, strict=True)
    )
    assert torch.allclose(fitted.logits(images), added, atol=1e-5)


@pytest.mark.slow
def test_shares_are_those_that_sides_of_the_latent_domains_left_out_ask_for(data, tiny_clip):
    method = replace(METHOD, margin=1e9)
    fitted = method.fit(*data, tiny_clip)
    judges = Judges(method, *data, tiny_clip, 0, RunRecord())
    for name in method.members:
        judges.train_and_judge(name)
    logits = {name: [] for name in method.members}
    latent = judges.classifiers["ldpf"].latent
    sides = side_folds(*data, latent)
    for fold in sides:
        for name in method.members:
            member = judges.candidates.in_fold(name, fold)
            temperature = fit_temperature(
                member.logits(fold.validation.features), fold.validation.labels
            )
            answers = member.logits(fold.judged.features) / temperature
            logits[name].append(answers.log_softmax(dim=1))
    labels = torch.cat([fold.judged.labels for fold in sides])
    domains = torch.cat([torch.full_like(fold.judged.labels, fold.group) for fold in sides])
    expected = least_regret_shares([torch.cat(own) for own in logits.values()], labels, domains)
    assert fitted.shares == pytest.approx(expected, abs=1e-3)
    assert fitted.training["auto"]["shares"] == dict(
        zip(method.members, fitted.shares, strict=True)
    )


@pytest.mark.slow
def test_a_chosen_candidate_answers_alone_under_the_name_auto(
    data, tiny_clip, monkeypatch, tmp_path
):
    monkeypatch.setattr(auto, "choose", lambda table, margin: ("gda", "for a test"))
    fitted = METHOD.fit(*data, tiny_clip)
    alone = make_method("gda").fit(*data, tiny_clip)
    images = data[1].features
    assert fitted.method == "auto" and fitted.training["auto"]["reason"] == "for a test"
    assert torch.equal(fitted.logits(images), alone.logits(images))
    loaded, _ = load_model(save_model(fitted, tiny_clip, tmp_path), tiny_clip)
    assert torch.equal(loaded.logits(images), alone.logits(images))
    assert loaded.training["auto"] == fitted.training["auto"]


def test_another_rule_of_choice_takes_the_best_of_its_scores(data, tiny_clip):
    names = ("linear-probe-balanced", "gda", "ldpf")
    method = replace(METHOD, candidates=names, rule="validation")
    fitted = method.fit(*data, tiny_clip)
    told = fitted.training["auto"]
    held_out = {row["name"]: row["validation_accuracy"] for row in told["table"]}
    best = max(names, key=held_out.__getitem__)
    assert told["chosen"] == best
    assert (
        f"{best} is chosen: by the rule 'validation' it has {held_out[best]:.3f}" in told["reason"]
    )


def test_the_ensemble_stays_where_a_rule_can_leave_nothing_out(
    data, tiny_clip, monkeypatch, caplog
):
    def none(*args):
        raise SettingsError("no folds")

    monkeypatch.setattr(LeftOutDomains, "choose", none)
    method = replace(METHOD, candidates=METHOD.members, rule="left-out", margin=1e9)
    with caplog.at_level(logging.WARNING, logger="ldpf"):
        fitted = method.fit(*data, tiny_clip)
    assert fitted.training["auto"]["chosen"] == ENSEMBLE
    assert "'left-out' decides nothing: no folds" in caplog.text


def test_results_of_before_there_was_a_rule_stay_valid():
    assert "rule" not in part_settings(Auto())
    assert part_settings(Auto(rule="validation"))["rule"] == "validation"


@pytest.mark.parametrize("rule", ["ensemble", "fixed", "best"])
def test_a_rule_that_compares_nothing_is_refused_with_those_that_do(rule):
    with pytest.raises(SettingsError, match=f"rule='{rule}'.*left-out-several"):
        Auto(rule=rule)


def test_prompts_of_a_latent_domain_do_not_answer_its_images(data, tiny_clip):
    judges = Judges(METHOD, *data, tiny_clip, 0, RunRecord())
    judges.train_and_judge("ldpf")
    whole = judges.classifiers["ldpf"]
    for fold in judges.folds:
        assert (whole.latent.assign(fold.judged.features) == fold.group).all()
        weights = judges._in_folds["ldpf"][fold.group].domain_weights(fold.judged.features)
        assert (weights[:, fold.group] == 0).all()
        assert torch.allclose(weights.sum(dim=1), torch.ones(len(weights)))


def test_heads_of_a_fold_have_not_learned_from_what_they_are_judged_by(data, tiny_clip):
    judges = Judges(METHOD, *data, tiny_clip, 0, RunRecord())
    judges.train_and_judge("gda")
    for fold in judges.folds:
        alone = make_method("gda").fit(fold.train, fold.validation, tiny_clip)
        images = fold.judged.features
        in_fold = judges._in_folds["gda"][fold.group]
        assert torch.equal(in_fold.logits(images), alone.logits(images))


@pytest.fixture(scope="module")
def judges(data, tiny_clip):
    judges = Judges(METHOD, *data, tiny_clip, 0, RunRecord())
    for name in ("zero-shot-ensemble", "ldpf+gda-balanced", "ldpf-auto"):
        judges.train_and_judge(name)
    return judges


@pytest.mark.slow
def test_prompts_with_a_head_or_another_rule_are_trained_once(judges, data, tiny_clip):
    alone = make_method("ldpf", SHORT).fit(*data, tiny_clip)
    both, fused = (judges.classifiers[n] for n in ("ldpf+gda-balanced", "ldpf-auto"))
    assert torch.equal(both.prompted.contexts, alone.contexts)
    assert fused.contexts is both.prompted.contexts
    with_head = make_method("ldpf", SHORT, settings={"head": "gda-balanced"})
    expected = with_head.fit(*data, tiny_clip)
    images = data[1].features
    assert torch.equal(both.logits(images), expected.logits(images))


def test_the_best_rule_is_chosen_in_a_fold_without_its_latent_domain(judges, tiny_clip):
    whole = judges.classifiers["ldpf-auto"]
    for fold in judges.folds:
        refitted = whole.fit_fusion("auto", fold.train, fold.validation, tiny_clip)
        expected = refitted.without_prompts([fold.group])
        images = fold.judged.features
        in_fold = judges._in_folds["ldpf-auto"][fold.group]
        assert torch.allclose(in_fold.logits(images), expected.logits(images), atol=1e-5)


def test_a_head_in_a_fold_has_not_learned_from_what_judges_it(judges):
    for fold in judges.folds:
        in_fold = judges._in_folds["ldpf+gda-balanced"][fold.group]
        assert (in_fold.domain_weights(fold.judged.features)[:, fold.group] == 0).all()
        groups = judges.classifiers["ldpf-auto"].latent.assign(fold.train.features)
        head = fitted_head(VISUAL_HEADS.make("gda-balanced"), fold.train, groups)
        images = fold.judged.features
        assert torch.allclose(in_fold.members[1].logits(images), head.logits(images), atol=1e-5)


def test_a_candidate_joins_the_ensemble_where_it_is_as_good_on_latent_domains_left_out(
    data, tiny_clip
):
    zero_shot = "zero-shot-ensemble"
    judges = Judges(replace(METHOD, joins=(zero_shot,)), *data, tiny_clip, 0, RunRecord())
    for name in (*METHOD.members, zero_shot):
        judges.train_and_judge(name)
    judged = {row.name: fmean(row.log_likelihoods) for row in judges.table()}
    behind = max(judged[name] for name in METHOD.members) - judged[zero_shot]
    assert behind > 0.01
    for tie, members in (
        (behind - 1e-6, METHOD.members),
        (behind + 1e-6, (*METHOD.members, zero_shot)),
    ):
        judges.auto = replace(METHOD, joins=(zero_shot,), tie=tie)
        judges.combine()
        assert judges.members == members
        assert len(judges.shares) == len(judges.classifiers[ENSEMBLE].members) == len(members)


def test_a_model_with_a_candidate_that_joined_is_left_out_and_kept(data, tiny_clip, tmp_path):
    method = replace(METHOD, joins=("coop",), tie=1e9, margin=1e9)
    fitted = method.fit(*data, tiny_clip)
    assert list(fitted.training["auto"]["shares"]) == [*METHOD.members, "coop"]
    images = data[1].features
    loaded, _ = load_model(save_model(fitted, tiny_clip, tmp_path), tiny_clip)
    assert torch.allclose(loaded.logits(images), fitted.logits(images), atol=1e-4)
    fold = Judges(method, *data, tiny_clip, 0, RunRecord()).folds[0]
    in_fold = method.left_out(fitted, fold, tiny_clip)
    assert [member.method for member in in_fold.members] == [*METHOD.members, "coop"]


def test_nothing_joins_where_no_latent_domain_is_left_out(data, tiny_clip):
    method = replace(METHOD, joins=("coop",), tie=1e9)
    method = replace(method, discovery=replace(method.discovery, n_domains=1))
    found = method.fit(*data, tiny_clip).training["auto"]
    assert list(found["shares"]) == list(METHOD.members)


def test_the_cost_is_shown_beside_that_of_ldpf(fitted, caplog):
    found = fitted.training["auto"]
    assert found["cost_of"] == "ldpf" and found["cost"] > 1
    assert f"{found['cost']:.1f} times as long as training ldpf" in cost_sentence(found)
    assert cost_sentence({"cost": None}) == ""


def test_one_latent_domain_leaves_nothing_out(data, tiny_clip):
    fitted = make_method("auto", SHORT, n_domains=1).fit(*data, tiny_clip)
    found = fitted.training["auto"]
    assert (found["n_folds"], found["chosen"]) == (0, ENSEMBLE)
    assert all(row["left_out_accuracy"] is None for row in found["table"])


@pytest.mark.slow
def test_it_needs_no_validation(data, tiny_clip):
    train, validation = data
    fitted = METHOD.fit(train, validation.subset([]), tiny_clip)
    assert fitted.training["auto"]["n_folds"] == 3
    assert torch.isfinite(fitted.logits(train.features)).all()


@pytest.mark.slow
def test_a_fold_that_cannot_be_learned_from_judges_nobody(data, tiny_clip, monkeypatch):
    original = Judges._in_fold

    def refuse(self, name, fold):
        if name == "coop" and fold.group == 1:
            raise SettingsError("Too few.")
        return original(self, name, fold)

    monkeypatch.setattr(Judges, "_in_fold", refuse)
    found = METHOD.fit(*data, tiny_clip).training["auto"]
    assert found["n_folds"] == 2
    assert {len(row["by_domain"]) for row in found["table"]} == {2}


@pytest.mark.slow
def test_the_table_and_the_reason_are_logged(data, tiny_clip, caplog):
    with caplog.at_level(logging.INFO, logger="ldpf"):
        fitted = METHOD.fit(*data, tiny_clip)
    assert fitted.training["auto"]["reason"] in caplog.messages
    for name in (*CANDIDATES, ENSEMBLE):
        assert any(message.startswith(name) for message in caplog.messages)


class Interrupted(Exception):
    """Stands for whatever stops a run."""


@pytest.mark.slow
def test_an_interrupted_run_goes_on_to_the_same_answers(data, tiny_clip, tmp_path, monkeypatch):
    expected = METHOD.fit(*data, tiny_clip, seed=3)
    original, calls = LDPFLearner.loss, []

    def stopped(self, *arguments):
        calls.append(1)
        if len(calls) == 6:
            raise Interrupted
        return original(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(LDPFLearner, "loss", stopped)
        with pytest.raises(Interrupted):
            METHOD.fit(*data, tiny_clip, seed=3, record=RunRecord(tmp_path, checkpoint_every_s=0))
    record = RunRecord(tmp_path, checkpoint_every_s=0)
    fitted = METHOD.fit(*data, tiny_clip, seed=3, record=record)
    assert record.seconds_before > 0
    images = data[1].features
    assert torch.equal(fitted.logits(images), expected.logits(images))
    assert fitted.training["text_passes"] == expected.training["text_passes"]


@pytest.mark.slow
def test_it_runs_in_a_benchmark(data, tiny_clip, tmp_path):
    plan = BenchmarkPlan(methods=["auto"], recipe=SHORT, targets=["art"], seeds=1)
    (line,), failures = run_benchmark(data[0], "demo", tiny_clip, plan, tmp_path)
    assert failures == []
    assert line["method"] == "auto" and line["training"]["auto"]["table"]
    json.dumps(line, allow_nan=False)


@pytest.mark.slow
def test_number_of_domains_and_tau_reach_the_prompts(data, tiny_clip):
    method = make_method("auto", SHORT, settings={"n_domains": 2, "tau": 0.3, "margin": 1e9})
    fitted = method.fit(*data, tiny_clip)
    assert fitted.n_domains == 2
    assert fitted.members[0].fusion.tau == 0.3


@pytest.mark.parametrize(
    "wrong",
    [
        {"members": ("ldpf", "kgcoop")},
        {"members": ("ldpf",)},
        {"candidates": (*CANDIDATES, "auto")},
        {"candidates": (*CANDIDATES, "ldpf+forest")},
        {"margin": -1.0},
        {"judge_steps": 0},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(SettingsError):
        Auto(**wrong)
