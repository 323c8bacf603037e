from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ldpf.backbones import load_backbone
from ldpf.errors import BackboneError, LdpfError, SettingsError
from ldpf.experiments.plan import BenchmarkPlan, Task
from ldpf.experiments.pool import Workers, _load_backbone, choose_jobs
from ldpf.experiments.results import read_results
from ldpf.experiments.runner import run_benchmark
from ldpf.experiments.task import Outcome
from ldpf.training.recipe import FAST

SHORT = replace(FAST, max_steps=4, cooldown=0, evaluate_every=1, round_every=1)
ROOT = Path(__file__).parents[2]
METHODS = ("zero-shot", "coop", "ldpf", "ldpf-oracle")


@dataclass(frozen=True)
class Stub:
    """A benchmark whose runs do what their method says; found by name in the other process."""

    data: Any
    backbone: Any

    def run(self, task: Task) -> Outcome:
        if task.method == "die":
            os._exit(9)
        if task.method == "warn":
            warnings.warn("few images", UserWarning, stacklevel=2)
            logging.getLogger("ldpf").warning("small domain")
            warnings.warn("old function", DeprecationWarning, stacklevel=2)
        return Outcome([{"splits": self.data.splits.tolist(), "n": len(self.data)}])


@pytest.fixture(scope="module")
def backbone(tiny_clip_folder):
    return load_backbone(tiny_clip_folder)


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(5)


@pytest.fixture(scope="module")
def stub(data, backbone):
    splits = np.asarray(["train", "val"] * len(data))[: len(data)]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)  # the other process finds this file there
        yield Stub(replace(data, splits=splits), backbone)


@pytest.fixture(scope="module")
def workers(stub):
    with Workers(stub, jobs=1) as workers:
        yield workers


def outcome(workers, method):
    ((_, outcome),) = workers.run([[Task(method, "art", 0)]])
    return outcome


def test_side_by_side_and_one_by_one_give_the_same_lines(data, backbone, tmp_path):
    plan = BenchmarkPlan(METHODS, SHORT, targets=["art", "sketch"], seeds=1)
    found = []
    for jobs in (1, 2):
        out = tmp_path / str(jobs)
        seen = []
        lines, failures = run_benchmark(
            data, "demo", backbone, plan, out, jobs=jobs, on_run=lambda *run, s=seen: s.append(run)
        )
        assert failures == [] and len(seen) == 6
        assert read_results(out / "results.jsonl") == lines
        times = ("seconds", "peak_memory_mib")
        found.append([{k: v for k, v in line.items() if k not in times} for line in lines])
    assert found[0] == found[1]


def test_warnings_say_which_run_they_belong_to(workers, caplog):
    outcome(workers, "warn")
    assert [record.getMessage() for record in caplog.records] == [
        "warn, target art, seed 0: few images",
        "warn, target art, seed 0: small domain",
    ]


def test_the_splits_of_a_manifest_reach_the_runs(workers, stub):
    line = outcome(workers, "splits").results[0]
    assert line == {"splits": stub.data.splits.tolist(), "n": len(stub.data)}


def test_a_process_that_is_killed_ends_it_with_advice(stub):
    with pytest.raises(LdpfError) as caught, Workers(stub, jobs=1) as workers:
        outcome(workers, "die")
    assert str(caught.value) == (
        "A process that did one of 1 runs side by side was ended from outside, as happens when "
        "memory runs out. The same command goes on from here; give it fewer at a time (--jobs 1)."
    )


def test_a_backbone_that_changed_meanwhile_is_refused(tiny_clip_folder):
    with pytest.raises(BackboneError) as caught:
        _load_backbone(str(tiny_clip_folder), "cpu", "0" * 64)
    assert str(caught.value) == (
        f"The backbone {str(tiny_clip_folder)!r} changed while it was in use; start the command "
        "again."
    )


def test_fewer_than_one_job_is_refused(data, backbone, tmp_path):
    with pytest.raises(SettingsError) as caught:
        run_benchmark(data, "demo", backbone, BenchmarkPlan(METHODS, SHORT), tmp_path, jobs=0)
    assert str(caught.value) == "jobs=0 should be at least 1."


@pytest.mark.parametrize(
    ("threads", "memory_gib", "runs", "device", "expected"),
    [
        (4, 64, 24, "cpu", (4, "one for each processor")),
        (4, 64, 3, "cpu", (3, "as many as there are runs")),
        (16, 8, 24, "cpu", (2, "8 GiB of memory")),
        (4, 2, 24, "cpu", (1, "2 GiB of memory")),
        (4, 64, 0, "cpu", (1, "as many as there are runs")),
        (4, 64, 24, "cuda", (1, "one run at a time on a GPU")),
    ],
)
def test_as_many_runs_side_by_side_as_the_machine_has_room_for(
    threads, memory_gib, runs, device, expected, monkeypatch
):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": memory_gib * 2**30 // 4096}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    assert choose_jobs(runs, device) == expected
