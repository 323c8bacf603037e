"""Runs that take their text passes together, in threads of one process."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence

import torch

from ldpf.experiments.experiment import Experiment, Job
from ldpf.experiments.run import Outcome, do_run
from ldpf.training.shared_passes import SharedPasses

PROMPTS_TOGETHER = {"cpu": 12, "cuda": 96}
"""Prompts in one pass at most, by the kind of device. Measured on the CPU
(`benchmarks/shared_passes.py`): the time of a prompt no longer falls beyond 12."""


def one_by_one(jobs: Sequence[Job]) -> list[list[Job]]:
    """Every job in a group of its own."""
    return [[job] for job in jobs]


def group_jobs(
    jobs: Sequence[Job],
    device: torch.device | str,
    n_workers: int = 1,
    together: int | None = None,
) -> list[list[Job]]:
    """Groups of jobs that take their text passes together, each of one method.

    Jobs of a method that does not declare `shares_passes` stay alone.

    Args:
        jobs: of one benchmark, so that those of one method have the same settings.
        device: where they compute.
        n_workers: groups that run side by side; there are at least so many where jobs suffice.
        together: prompts in one pass at most; None for `PROMPTS_TOGETHER`.
    """
    if together is None:
        kind = torch.device(device).type
        together = PROMPTS_TOGETHER.get(kind, PROMPTS_TOGETHER["cpu"])
    groups: list[list[Job]] = []
    for name in dict.fromkeys(job.task.method for job in jobs):
        alike = [job for job in jobs if job.task.method == name]
        method = alike[0].method
        size = 1
        if method.shares_passes:
            size = max(1, min(together // method.n_prompts, len(alike) // n_workers))
        groups += [alike[start : start + size] for start in range(0, len(alike), size)]
    return groups


def run_group(experiment: Experiment, jobs: Sequence[Job]) -> Iterator[tuple[Job, Outcome]]:
    """Every job of a group with its outcome, as they finish; several share their text passes.

    Results are those of one by one up to the rounding of larger matrix products.
    """
    if len(jobs) == 1:
        yield jobs[0], do_run(experiment, jobs[0])
        return
    shared = SharedPasses(len(jobs))
    done: queue.Queue[tuple[Job, Outcome | BaseException]] = queue.Queue()

    def run(number: int, job: Job) -> None:
        try:
            shared.join(number, lambda member: done.put((job, do_run(experiment, job, member))))
        except BaseException as error:
            done.put((job, error))

    for number, job in enumerate(jobs):
        # An interruption ends the process without waiting for them; their checkpoints are written.
        threading.Thread(target=run, args=(number, job), daemon=True).start()
    for _ in jobs:
        job, outcome = done.get()
        if isinstance(outcome, BaseException):
            raise outcome
        yield job, outcome
