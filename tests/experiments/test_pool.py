"""Runs side by side, in joblib's workers."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import psutil
import pytest
import torch

import ldpf.experiments.pool
from ldpf.errors import BackboneError, LdpfError, SettingsError
from ldpf.experiments.experiment import Experiment, Job
from ldpf.experiments.plan import BenchmarkPlan, Task
from ldpf.experiments.pool import backbone_of_worker, choose_jobs, run_side_by_side
from ldpf.experiments.protocols import get_protocol
from ldpf.experiments.results import read_results
from ldpf.experiments.run import Outcome
from ldpf.experiments.runner import run_benchmark
from ldpf.experiments.selection import get_selection
from ldpf.training.recipe import FAST
from ldpf.utils.ways import command_line, setting

SHORT = replace(FAST, max_steps=4, cooldown=0, evaluate_every=1, round_every=1)
METHODS = ("zero-shot", "coop", "ldpf", "ldpf-oracle")


try:
    from cloudpickle import register_pickle_by_value
except ImportError:  # joblib before 1.6 brings its own
    from joblib.externals.cloudpickle import register_pickle_by_value

# Workers cannot import this file.
register_pickle_by_value(sys.modules[__name__])


@dataclass(frozen=True)
class Probe:
    """A method that says what it is given, as the error of its run."""

    does: str
    name: str = "probe"
    n_prompts: int = 1
    learns: bool = True

    def fit(self, train, validation, backbone, *, seed=0, record=None):
        if self.does == "die":
            os._exit(9)
        if self.does == "warn":
            warnings.warn("few images", UserWarning, stacklevel=2)
            logging.getLogger("ldpf").warning("small domain")
            warnings.warn("old function", DeprecationWarning, stacklevel=2)
        if self.does == "name a setting":
            raise LdpfError(setting("jobs", 1))
        if self.does == "splits":
            raise LdpfError(f"{sorted(set(train.splits.tolist()))} {len(train)}")
        if self.does == "groups":
            raise LdpfError(" ".join(sorted(set(train.groups.tolist()))))
        if self.does == "threads":
            raise LdpfError(f"{torch.get_num_threads()} threads")
        if self.does == "process":
            raise LdpfError(str(os.getpid()))
        if self.does == "sum":
            raise LdpfError(f"{train.features.double().sum().item()!r} {train.paths[-1]}")
        raise LdpfError("nothing")


@pytest.fixture
def experiment(data, backbone, tmp_path):
    return Experiment(
        data=data,
        dataset_name="demo",
        digest="digest",
        backbone=backbone,
        protocol=get_protocol(),
        selection=get_selection(),
        search=None,
        train_fraction=0.8,
        runs=tmp_path / "runs",
    )


def job(does: str, seed: int = 0) -> Job:
    return Job(Task(does, "art", seed), Probe(does), {}, ())


def said(experiment: Experiment, does: str, n_workers: int = 2) -> str | None:
    """What the probe says in a worker of its own."""
    ((_, outcome),) = run_side_by_side(experiment, [[job(does)]], n_workers)
    return outcome.failure


def without_times(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # `numerics` depends on the number of threads, which workers share out.
    times = ("seconds", "peak_memory_mib", "numerics")
    return [{k: v for k, v in line.items() if k not in times} for line in lines]


@pytest.mark.slow
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
        found.append(without_times(lines))
    assert found[0] == found[1]


@pytest.mark.slow
def test_workers_follow_the_caller_to_another_directory(data, backbone, tmp_path, monkeypatch):
    plan = BenchmarkPlan(("zero-shot", "gda"), SHORT, seeds=1)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        run_benchmark(data, "demo", backbone, plan, Path("results"), jobs=2)
    kept = [len(list((tmp_path / name / "results/runs").iterdir())) for name in ("first", "second")]
    assert kept[0] == kept[1] > 0


@pytest.mark.slow
def test_warnings_say_which_run_they_belong_to(experiment, caplog):
    said(experiment, "warn")
    assert [record.getMessage() for record in caplog.records] == [
        "warn, target art, seed 0: few images",
        "warn, target art, seed 0: small domain",
    ]


@pytest.mark.slow
def test_workers_name_settings_as_their_reader_writes_them(experiment):
    assert said(experiment, "name a setting") == "jobs=1"
    with command_line():
        assert said(experiment, "name a setting") == "--jobs 1"


def test_the_splits_of_a_manifest_reach_the_runs(experiment, data):
    marks = np.asarray(["train", "val", "test"] * len(data))[: len(data)]
    marked = replace(experiment, data=replace(data, splits=marks))
    train = get_protocol().episode(marked.data, "art", 0).train
    assert said(marked, "splits") == f"['train'] {len(train)}"


def test_the_groups_of_images_reach_the_runs(experiment, data):
    named = np.array([f"burst {i // 2}" for i in range(len(data))])
    grouped = replace(experiment, data=replace(data, groups=named))
    train = get_protocol().episode(grouped.data, "art", 0).train
    assert said(grouped, "groups") == " ".join(sorted(set(train.groups.tolist())))


def test_a_large_feature_set_arrives_bit_by_bit(experiment, data):
    # Above a megabyte joblib maps arrays from a file.
    wide = torch.nn.functional.pad(data.features, (0, 40_000 - data.features.shape[1]))
    wide[:, -1] = torch.linspace(0, 1, len(data))
    large = replace(experiment, data=replace(data, features=wide))
    train = get_protocol().episode(large.data, "art", 0).train
    assert large.data.features.numpy().nbytes > 2**20
    assert said(large, "sum") == f"{train.features.double().sum().item()!r} {train.paths[-1]}"


def test_workers_share_the_threads_of_this_process(experiment, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 6)
    assert said(experiment, "threads", n_workers=2) == "3 threads"


def test_the_callers_backend_is_respected(experiment):
    with joblib.parallel_config("threading"):
        assert said(experiment, "process") == str(os.getpid())
    assert said(experiment, "process") != str(os.getpid())


@pytest.mark.slow
def test_a_process_that_is_killed_ends_it_with_advice(experiment):
    with pytest.raises(LdpfError) as caught:
        list(run_side_by_side(experiment, [[job("die", seed)] for seed in range(3)], 3))
    assert "ended from outside" in str(caught.value)
    assert "one of 3 runs" in str(caught.value)
    assert "(jobs=1)" in str(caught.value)
    assert said(experiment, "process") != str(os.getpid())  # the next ones get new workers


@pytest.mark.slow
def test_outcomes_come_as_they_finish(data, backbone, tmp_path):
    plan = BenchmarkPlan(("zero-shot", "ldpf"), SHORT, targets=["art"], seeds=2)
    lines_at = []
    run_benchmark(
        data,
        "demo",
        backbone,
        plan,
        tmp_path,
        jobs=2,
        on_run=lambda *_: lines_at.append(len(read_results(tmp_path / "results.jsonl"))),
    )
    assert lines_at == [1, 2, 3, 4]


def test_the_longest_begin_first(data, backbone, tmp_path, monkeypatch):
    begun = []

    def watched(experiment, groups, n_workers):
        begun.extend(job.task.method for (job,) in groups)
        yield from ((job, Outcome([])) for (job,) in groups)

    monkeypatch.setattr(ldpf.experiments.pool, "run_side_by_side", watched)
    plan = BenchmarkPlan(("zero-shot", "coop", "ldpf"), SHORT, targets=["art"], seeds=1)
    run_benchmark(data, "demo", backbone, plan, tmp_path, jobs=2)
    assert begun == ["ldpf", "coop", "zero-shot"]


@pytest.mark.slow
def test_a_method_that_cannot_be_sent_is_refused(experiment):
    held = replace(job("nothing"), method=(value for value in ()))  # no generator can be pickled
    with pytest.raises(LdpfError, match="cannot be sent to another process"):
        list(run_side_by_side(experiment, [[held], [held]], 2))


SCRIPT = """
import dataclasses, signal, sys
from pathlib import Path

# A job in the background of a shell is started with the signal ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

import torch

from ldpf.backbones import load_backbone
from ldpf.experiments.plan import BenchmarkPlan
from ldpf.experiments.runner import run_benchmark
from ldpf.features.feature_set import FeatureSet
from ldpf.training.recipe import FAST

backbone = load_backbone(sys.argv[1])
draws = torch.Generator().manual_seed(0)
features = torch.nn.functional.normalize(
    torch.randn(90, backbone.embed_dim, generator=draws), dim=1
)
data = FeatureSet(
    features, torch.arange(90) % 3, torch.arange(90) // 30, ("cat", "dog", "cow"),
    ("photo", "art", "sketch"), tuple(map(str, range(90))),
)
recipe = dataclasses.replace(FAST, max_steps=10**6, patience=10**6, evaluate_every=1)
plan = BenchmarkPlan(("coop",), recipe, seeds=2)
print("begins", flush=True)
run_benchmark(data, "demo", backbone, plan, Path(sys.argv[2]), jobs=2)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends signals")
@pytest.mark.parametrize("how", ["ctrl-c", "killed"])
def test_no_worker_goes_on_when_the_command_is_ended(how, tiny_clip_folder, tmp_path):
    command = [sys.executable, "-c", SCRIPT, str(tiny_clip_folder), str(tmp_path)]
    parent = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(Path(ldpf.experiments.pool.__file__).parents[2])},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        wait_for(lambda: len(list(tmp_path.glob("runs/*/metrics.jsonl"))) >= 2)
        workers = psutil.Process(parent.pid).children(recursive=True)
        assert len(workers) >= 2
        if how == "ctrl-c":
            os.killpg(parent.pid, signal.SIGINT)  # as a terminal does
        else:
            parent.kill()
        assert parent.wait(timeout=20) != 0
        _, alive = psutil.wait_procs(workers, timeout=20)
        assert alive == []
    finally:
        if parent.poll() is None:
            os.killpg(parent.pid, signal.SIGKILL)
        parent.communicate()


def wait_for(condition, seconds: float = 180) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.2)


def test_a_backbone_that_changed_meanwhile_is_refused(tiny_clip_folder):
    with pytest.raises(BackboneError) as caught:
        backbone_of_worker(str(tiny_clip_folder), "cpu", "0" * 64)
    assert str(tiny_clip_folder) in str(caught.value)


def test_fewer_than_one_job_is_refused(data, backbone, tmp_path):
    with pytest.raises(SettingsError) as caught:
        run_benchmark(data, "demo", backbone, BenchmarkPlan(METHODS, SHORT), tmp_path, jobs=0)
    assert str(caught.value) == "jobs=0 should be a whole number of at least 1."


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
    monkeypatch.setattr(ldpf.experiments.pool, "total_memory_mib", lambda: memory_gib * 1024)
    assert choose_jobs(runs, device) == expected
