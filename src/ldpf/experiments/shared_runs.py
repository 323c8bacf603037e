"""Runs that take their text passes together, in threads of one process."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence

import torch

from ldpf.experiments.plan import Task
from ldpf.experiments.task import Benchmark, Outcome
from ldpf.methods import LDPF, CoOp
from ldpf.training.shared_passes import SharedPasses

PROMPTS_TOGETHER = {"cpu": 12, "cuda": 96}
"""Prompts in one pass at most, by the kind of device. Measured on the CPU
(`benchmarks/shared_passes.py`): the time of a prompt no longer falls beyond 12."""


def one_by_one(tasks: Sequence[Task]) -> list[list[Task]]:
    """Every task in a group of its own."""
    return [[task] for task in tasks]


def group_tasks(
    benchmark: Benchmark, tasks: Sequence[Task], jobs: int = 1, together: int | None = None
) -> list[list[Task]]:
    """Groups of tasks to take their text passes together, each of one method.

    Those share whose prompts belong to the model (CoOp, KgCoOp, LDPF and its controls); the others,
    and those that take no text passes, stay alone.

    Args:
        jobs: groups that run side by side; there are at least so many where tasks suffice.
        together: prompts in one pass at most; None for `PROMPTS_TOGETHER`.
    """
    if together is None:
        device = torch.device(benchmark.backbone.device).type
        together = PROMPTS_TOGETHER.get(device, PROMPTS_TOGETHER["cpu"])
    groups: list[list[Task]] = []
    for name in dict.fromkeys(task.method for task in tasks):
        alike = [task for task in tasks if task.method == name]
        method = benchmark.plan.make(name)
        size = 1
        if isinstance(method, LDPF | CoOp):
            size = max(1, min(together // method.n_prompts, len(alike) // jobs))
        groups += [alike[start : start + size] for start in range(0, len(alike), size)]
    return groups


def run_group(benchmark: Benchmark, tasks: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
    """Every task of a group with its outcome, as they finish; several share their text passes.

    Results are those of one by one up to the rounding of larger matrix products.
    """
    if len(tasks) == 1:
        yield tasks[0], benchmark.run(tasks[0])
        return
    shared = SharedPasses(len(tasks))
    done: queue.Queue[tuple[Task, Outcome | BaseException]] = queue.Queue()

    def run(number: int, task: Task) -> None:
        try:
            shared.join(number, lambda member: done.put((task, benchmark.run(task, member))))
        except BaseException as error:
            done.put((task, error))

    for number, task in enumerate(tasks):
        # An interruption ends the process without waiting for them; their checkpoints are written.
        threading.Thread(target=run, args=(number, task), daemon=True).start()
    for _ in tasks:
        task, outcome = done.get()
        if isinstance(outcome, BaseException):
            raise outcome
        yield task, outcome
