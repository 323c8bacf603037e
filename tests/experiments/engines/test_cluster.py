"""What engines of several machines share, with workers that are pretended."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import pytest

from ldpf.errors import LdpfError
from ldpf.experiments.engines import cluster as module
from ldpf.experiments.engines.base import Work
from ldpf.experiments.engines.cluster import ATTEMPTS, Cluster, WorkerLostError, run_on
from ldpf.experiments.experiment import Job
from ldpf.experiments.plan import Task
from ldpf.experiments.run import Outcome


@dataclass
class Pretended(Cluster):
    """Workers that do a task when they are waited for.

    Attributes:
        room: how many tasks at a time.
        kills: methods whose runs kill the worker, and how often.
        took: numbers of each task, in the order in which they were begun.
    """

    room: int = 2
    kills: dict[str, int] = field(default_factory=dict)
    took: list[list[int]] = field(default_factory=list)
    tasks: list[Any] = field(default_factory=list)
    most: int = 0

    def slots(self) -> int:
        return self.room

    def submit(self, chunk):
        self.took.append([number for number, _ in chunk])
        self.tasks.append(list(chunk))
        return len(self.tasks) - 1

    def wait(self, tasks, seconds):
        self.most = max(self.most, len(tasks))
        return [tasks[0]]

    def result(self, task):
        for _, group in self.tasks[task]:
            for job in group:
                if self.kills.get(job.task.method, 0) > 0:
                    self.kills[job.task.method] -= 1
                    raise WorkerLostError("out of memory")
        return [
            (n, [Outcome([{"method": job.task.method}]) for job in group], ["few images"])
            for n, group in self.tasks[task]
        ]


RUNS: Work = Work(
    None,
    lambda packed, chunk: [],
    lambda job: str(job.task),
    lambda why: Outcome([], failure=why),
)


def groups(*names: str) -> list[list[Job]]:
    return [[Job(Task(name, "art", 0), None, {}, ())] for name in names]  # type: ignore[arg-type]


def outcomes(cluster: Cluster, jobs: list[list[Job]], **options: float) -> dict[str, Outcome]:
    return {job.task.method: outcome for job, outcome in run_on(cluster, RUNS, jobs, **options)}


def test_every_run_is_done_once_and_warnings_name_it(caplog):
    cluster = Pretended()
    names = [f"m{i}" for i in range(40)]
    with caplog.at_level(logging.WARNING, logger="ldpf"):
        found = outcomes(cluster, groups(*names))
    assert list(found) and set(found) == set(names)
    assert sorted(n for task in cluster.took for n in task) == list(range(40))
    assert caplog.messages[0] == "m0, target art, seed 0: few images"


def test_short_runs_go_several_in_a_task_and_work_is_left_for_every_slot():
    cluster = Pretended()
    outcomes(cluster, groups(*(f"m{i}" for i in range(40))))
    sizes = [len(task) for task in cluster.took]
    assert sizes[:2] == [1, 1]  # nothing is known yet
    assert max(sizes) == 10 and len(sizes) < 20
    assert cluster.most == 2


def test_long_runs_go_one_by_one():
    cluster = Pretended()
    outcomes(cluster, groups(*(f"m{i}" for i in range(12))), task_s=0.0)
    assert {len(task) for task in cluster.took} == {1}


def test_runs_of_a_lost_worker_are_done_elsewhere(caplog):
    cluster = Pretended(kills={"m20": 1})
    names = [f"m{i}" for i in range(40)]
    found = outcomes(cluster, groups(*names))
    assert {name for name, one in found.items() if one.failure} == set()
    assert set(found) == set(names)
    (lost,) = [record for record in caplog.messages if "a worker is gone" in record]
    assert "out of memory" in lost and "m20, target art, seed 0" in lost
    # Those that were with it go alone.
    again = [task for task in cluster.took if 20 in task]
    assert len(again) == 2 and again[1] == [20] and len(again[0]) > 1


def test_a_run_that_always_kills_its_worker_fails_and_stops_no_other():
    cluster = Pretended(kills={"m1": 99})
    found = outcomes(cluster, groups("m0", "m1", "m2"))
    assert found["m1"].failure == f"its worker died {ATTEMPTS} times (out of memory)"
    assert found["m0"].failure is found["m2"].failure is None
    assert sum(1 in task for task in cluster.took) == ATTEMPTS


def test_a_cluster_without_room_is_given_up_after_a_while(monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE_S", 0.1)
    with pytest.raises(LdpfError) as caught:
        outcomes(Pretended(room=0), groups("m0"))
    assert "no worker with room for a run" in str(caught.value)
