"""Runs that share their text passes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ldpf.backbones import load_backbone
from ldpf.experiments.plan import BenchmarkPlan, Task
from ldpf.experiments.runner import run_benchmark
from ldpf.experiments.shared_runs import group_tasks
from ldpf.experiments.task import Benchmark
from ldpf.training.recipe import FAST

SHORT = replace(FAST, max_steps=12, cooldown=4, evaluate_every=2, round_every=2)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(5)


def run(data, backbone, out, methods=("coop", "ldpf"), **options):
    plan = BenchmarkPlan(methods=methods, recipe=SHORT, seeds=2, targets=["art", "photo"])
    return run_benchmark(data, "drawn", backbone, plan, out, **options)


def essence(lines):
    return [(r["method"], r["target"], r["seed"], r["accuracy"], r["text_passes"]) for r in lines]


@pytest.fixture(scope="module")
def shared(data, tiny_clip, tmp_path_factory):
    out = tmp_path_factory.mktemp("shared")
    return out, *run(data, tiny_clip, out, share=True)


def test_results_are_those_of_one_by_one(data, tiny_clip, tmp_path, shared):
    _, lines, failures = shared
    alone, _ = run(data, tiny_clip, tmp_path)
    assert failures == []
    assert essence(lines) == essence(alone)


def test_a_line_says_with_how_many_it_shared(shared):
    _, lines, _ = shared
    assert {(r["method"], r["shared_with"]) for r in lines} == {("coop", 3), ("ldpf", 3)}


def test_groups_hold_one_method_and_leave_none_idle(data, tiny_clip, tmp_path):
    plan = BenchmarkPlan(methods=("gda", "coop", "ldpf"), recipe=SHORT, seeds=3)
    tasks = [Task(m, t, s) for m in plan.methods for t in ("art", "photo") for s in range(3)]
    benchmark = Benchmark(data, "drawn", "digest", tiny_clip, plan, tmp_path)

    def sizes(**options):
        return [(g[0].method, len(g)) for g in group_tasks(benchmark, tasks, **options)]

    alone = [("gda", 1)] * 6
    assert sizes() == [*alone, ("coop", 6), ("ldpf", 4), ("ldpf", 2)]
    assert sizes(jobs=2) == [*alone, ("coop", 3), ("coop", 3), ("ldpf", 3), ("ldpf", 3)]
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


def test_one_failure_stops_no_other(data, tiny_clip, tmp_path, monkeypatch):
    import ldpf.experiments.task as task

    true = task.run_one

    def flawed(method, episode, *rest):
        if episode.seed == 1 and episode.case == "art":
            raise ValueError("flaw")
        return true(method, episode, *rest)

    monkeypatch.setattr(task, "run_one", flawed)
    lines, failures = run(data, tiny_clip, tmp_path, methods=("coop",), share=True)
    assert failures == ["coop, target art, seed 1: ValueError: flaw"]
    assert len(lines) == 3
