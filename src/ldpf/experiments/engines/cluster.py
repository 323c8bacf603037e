"""What engines of several machines share: tasks of several runs, and what becomes of lost ones.

A task holds as many runs as take a few seconds, so that short ones do not pay for being scheduled
one by one. A worker that dies, or a machine that goes, costs the runs that were under way there and
no others: they are given to another worker, where they resume from their checkpoints, and runs of
the same task that were finished are read.
"""

from __future__ import annotations

import logging
import math
import os
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from ldpf.errors import LdpfError
from ldpf.experiments.engines.base import Done, Work
from ldpf.experiments.experiment import Experiment, Job
from ldpf.experiments.pool import Work as Runs
from ldpf.experiments.pool import do_groups
from ldpf.experiments.run import Outcome

log = logging.getLogger("ldpf")

T = TypeVar("T")
R = TypeVar("R")

TASK_S = 5.0
"""How long a task should take: much longer than its scheduling, not long to wait for."""

ATTEMPTS = 4
"""How often a run is begun whose worker dies; then it counts as failed."""

_PATIENCE_S = 60.0  # for a cluster that has lost all of its workers


class WorkerLostError(Exception):
    """A worker or its machine is gone; the runs of its task may be done elsewhere."""


class Cluster(ABC):
    """A connection to workers on one machine or several."""

    @abstractmethod
    def slots(self) -> int:
        """How many tasks it has room for at a time, now."""

    @abstractmethod
    def submit(self, chunk: Sequence[tuple[int, Sequence[Any]]]) -> Any:
        """Begin a task: do `chunk`, numbered groups; something that can be a key, to wait for."""

    @abstractmethod
    def wait(self, tasks: Sequence[Any], seconds: float) -> list[Any]:
        """Those of `tasks` that have ended, once there is one or `seconds` have passed."""

    @abstractmethod
    def result(self, task: Any) -> Done:
        """What a task has returned.

        Raises:
            WorkerLostError: its worker is gone.
            LdpfError: it cannot be done.
        """


def runs_of(experiment: Experiment, device: str | None = None) -> Work[Job, Outcome]:
    """The runs of an experiment, for workers on other machines: full paths, one thread a run.

    Args:
        experiment: to be done.
        device: where a worker computes; None for the device of the backbone here.
    """
    # Not resolved: a shared folder may be mounted elsewhere there, under a link of the same name.
    runs = Path(os.path.abspath(experiment.runs))  # noqa: PTH100
    packed = Runs.of(replace(experiment, runs=runs), threads=1)
    name, own_device, fingerprint = packed.backbone
    packed = replace(packed, parent=None, backbone=(name, device or own_device, fingerprint))
    return Work(packed, do_groups, lambda job: str(job.task), lambda why: Outcome([], failure=why))


def run_on(
    cluster: Cluster, work: Work[T, R], groups: Sequence[Sequence[T]], task_s: float = TASK_S
) -> Iterator[tuple[T, R]]:
    """Every job with its outcome, as their tasks end.

    Args:
        cluster: that does them.
        work: what is done with a job.
        groups: jobs that one worker does together, the longest first.
        task_s: seconds that a task should take.

    Raises:
        LdpfError: no worker is left, or a task cannot be done.
    """
    waiting = list(range(len(groups)))
    losses: Counter[int] = Counter()
    running: dict[Any, tuple[list[int], float]] = {}
    rate = _Rate()
    idle_since = time.monotonic()
    while waiting or running:
        slots = cluster.slots()
        while waiting and len(running) < slots:
            size = rate.size(len(waiting), slots, task_s)
            # A run whose worker died goes alone: it may be what kills them.
            size = next((n for n in range(size) if losses[waiting[n]]), size) or 1
            numbers, waiting = waiting[:size], waiting[size:]
            task = cluster.submit([(number, groups[number]) for number in numbers])
            running[task] = numbers, time.monotonic()
        if not running:
            _wait_for_workers(idle_since)
            continue
        for task in cluster.wait(list(running), seconds=1.0):
            numbers, begun = running.pop(task)
            idle_since = time.monotonic()
            try:
                done = cluster.result(task)
            except WorkerLostError as error:
                losses.update(numbers)
                given_up = [n for n in numbers if losses[n] >= ATTEMPTS]
                waiting = [n for n in numbers if losses[n] < ATTEMPTS] + waiting
                log.warning(
                    "a worker is gone (%s); %s", error, _names(work, [groups[n] for n in numbers])
                )
                why = f"its worker died {ATTEMPTS} times ({error})"
                for number in given_up:
                    yield from ((job, work.given_up(why)) for job in groups[number])
                continue
            rate.add(len(numbers), idle_since - begun)
            for number, outcomes, messages in done:
                for message in messages:
                    log.warning("%s: %s", _names(work, [groups[number]]), message)
                yield from zip(groups[number], outcomes, strict=True)


class _Rate:
    """How long a group takes, from those that are done."""

    def __init__(self) -> None:
        self.groups, self.seconds = 0, 0.0

    def add(self, groups: int, seconds: float) -> None:
        self.groups += groups
        self.seconds += seconds

    def size(self, waiting: int, slots: int, task_s: float) -> int:
        """Groups in the next task: for `task_s` seconds, and work is left for every slot."""
        if not self.groups:
            return 1
        fair = math.ceil(waiting / (2 * slots))
        fitting = int(task_s / max(self.seconds / self.groups, 1e-9))
        return max(1, min(fair, fitting))


def _wait_for_workers(since: float) -> None:
    if time.monotonic() - since > _PATIENCE_S:
        raise LdpfError(
            f"The cluster has had no worker with room for a run for {_PATIENCE_S:.0f} seconds; add "
            "machines to it, or ask for less for each run. The same command resumes from here."
        )
    time.sleep(0.5)


def _names(work: Work[T, Any], groups: Sequence[Sequence[T]]) -> str:
    return "; ".join(work.name(job) for group in groups for job in group)
