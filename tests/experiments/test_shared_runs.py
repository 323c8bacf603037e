"""Runs that share their text passes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import ldpf.experiments.run as one_run
from ldpf.backbones import load_backbone
from ldpf.experiments.experiment import Job
from ldpf.experiments.plan import BenchmarkPlan, Task
from ldpf.experiments.runner import run_benchmark
from ldpf.experiments.search import parse_search
from ldpf.experiments.shared_runs import group_jobs
from ldpf.methods import METHODS
from ldpf.models.saving import load_model
from ldpf.training.recipe import FAST

pytestmark = pytest.mark.slow

SHORT = replace(FAST, max_steps=12, cooldown=4, evaluate_every=2, round_every=2)


def run(data, backbone, out, methods=("coop", "ldpf"), search=None, **options):
    plan = BenchmarkPlan(
        methods=methods, recipe=SHORT, seeds=2, targets=["art", "photo"], search=search
    )
    return run_benchmark(data, "drawn", backbone, plan, out, **options)


def essence(lines):
    return [(r["method"], r["target"], r["seed"], r["accuracy"], r["text_passes"]) for r in lines]


@pytest.fixture(scope="module")
def shared(data, tiny_clip, tmp_path_factory):
    out = tmp_path_factory.mktemp("shared")
    return out, *run(data, tiny_clip, out, share=True)


@pytest.fixture(scope="module")
def alone(data, tiny_clip, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone")
    return out, *run(data, tiny_clip, out)


def test_results_are_those_of_one_by_one(shared, alone):
    assert shared[2] == alone[2] == []
    assert essence(shared[1]) == essence(alone[1])


def test_prompts_are_those_of_one_by_one_up_to_rounding(shared, alone, tiny_clip):
    assert [r["run"] for r in shared[1]] == [r["run"] for r in alone[1]]
    for name in {r["run"] for r in shared[1]}:
        folders = [out / "runs" / name / "model" for out in (shared[0], alone[0])]
        one, other = [load_model(folder, tiny_clip)[0].contexts for folder in folders]
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_a_line_says_with_how_many_it_shared(shared, alone):
    assert {(r["method"], r["shared_with"]) for r in shared[1]} == {("coop", 3), ("ldpf", 3)}
    assert {r["shared_with"] for r in alone[1]} == {0}


def test_groups_hold_one_method_and_leave_none_idle():
    plan = BenchmarkPlan(methods=("gda", "coop", "ldpf"), recipe=SHORT, seeds=3)
    tasks = [Task(m, t, s) for m in plan.methods for t in ("art", "photo") for s in range(3)]
    jobs = [Job.of(task, plan) for task in tasks]

    def sizes(**options):
        return [(g[0].task.method, len(g)) for g in group_jobs(jobs, "cpu", **options)]

    alone = [("gda", 1)] * 6
    assert sizes() == [*alone, ("coop", 6), ("ldpf", 4), ("ldpf", 2)]
    assert sizes(n_workers=2) == [*alone, ("coop", 3), ("coop", 3), ("ldpf", 3), ("ldpf", 3)]
    assert sizes(together=6) == [*alone, ("coop", 6), ("ldpf", 2), ("ldpf", 2), ("ldpf", 2)]


def test_groups_run_side_by_side(data, tiny_clip_folder, tmp_path, shared):
    lines, failures = run(
        data, load_backbone(tiny_clip_folder), tmp_path, methods=("coop",), share=True, jobs=2
    )
    assert failures == []
    assert essence(lines) == [line for line in essence(shared[1]) if line[0] == "coop"]
    assert {r["shared_with"] for r in lines} == {1}


def test_finished_runs_are_not_repeated(data, tiny_clip, shared):
    out, lines, _ = shared
    before = []
    again, _ = run(data, tiny_clip, out, share=True, on_run=lambda _, old: before.append(old))
    assert before == [True] * 8
    assert essence(again) == essence(lines)


def test_methods_without_prompts_of_their_own_run_alone(data, tiny_clip, tmp_path):
    lines, failures = run(data, tiny_clip, tmp_path, methods=("zero-shot", "gda"), share=True)
    assert failures == []
    assert {r["shared_with"] for r in lines} == {0}


def test_runs_that_choose_settings_run_alone(data, tiny_clip, tmp_path):
    search = parse_search(["length=1,2"])
    lines, failures = run(data, tiny_clip, tmp_path, ("coop",), search, share=True)
    assert failures == []
    assert {r["shared_with"] for r in lines} == {0}


@pytest.mark.parametrize("name", [n for n in METHODS if METHODS.facts(n).get("shares_passes")])
def test_every_method_that_declares_it_shares(data, tiny_clip, tmp_path, name):
    options = {"methods": (name,)}
    together, failures = run(data, tiny_clip, tmp_path / "together", share=True, **options)
    apart, _ = run(data, tiny_clip, tmp_path / "apart", **options)
    assert failures == []
    assert {r["shared_with"] for r in together} == {3}
    assert essence(together) == essence(apart)


def test_one_failure_stops_no_other(data, tiny_clip, tmp_path, monkeypatch):
    true = one_run.measured_fit

    def flawed(method, train, validation, backbone, seed, record):
        if seed == 1 and record.member.number == 1:
            raise ValueError("flaw")
        return true(method, train, validation, backbone, seed, record)

    monkeypatch.setattr(one_run, "measured_fit", flawed)
    lines, failures = run(data, tiny_clip, tmp_path, methods=("coop",), share=True)
    assert failures == ["coop, target art, seed 1: ValueError: flaw"]
    assert len(lines) == 3
