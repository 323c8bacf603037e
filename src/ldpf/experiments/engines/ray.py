"""Runs on Ray: a cluster that runs already, or one of this machine alone."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ldpf.errors import LdpfError, SettingsError
from ldpf.experiments.engines.base import ENGINES, Done, Engine, R, T, Work
from ldpf.experiments.engines.cluster import Cluster, WorkerLostError, run_on, runs_of
from ldpf.utils.ways import setting

if TYPE_CHECKING:
    from ldpf.experiments.experiment import Experiment, Job
    from ldpf.experiments.run import Outcome

ADDRESS = "RAY_ADDRESS"
"""Variable with the address of a running cluster; without it, one is begun on this machine."""


@ENGINES.register("ray", extra="ray")
@dataclass(frozen=True)
class Ray(Engine):
    """Machines of a Ray cluster (at RAY_ADDRESS), or this machine."""

    def run(
        self, experiment: Experiment, groups_for: Callable[[int], Sequence[Sequence[Job]]]
    ) -> Iterator[tuple[Job, Outcome]]:
        """Every job with its outcome, as they finish."""
        gpus = self.gpus_per_run
        if gpus is None:
            gpus = float(torch.device(experiment.backbone.device).type == "cuda")
        # Ray hides the GPUs from a task that asks for none.
        work = runs_of(experiment, device="cuda" if gpus else "cpu")
        yield from self._spread(work, groups_for, gpus)

    def spread(
        self, work: Work[T, R], groups_for: Callable[[int], Sequence[Sequence[T]]], *, on_gpu: bool
    ) -> Iterator[tuple[T, R]]:
        """See `Engine`."""
        return self._spread(work, groups_for, float(on_gpu))

    def _spread(
        self, work: Work[T, R], groups_for: Callable[[int], Sequence[Sequence[T]]], gpus: float
    ) -> Iterator[tuple[T, R]]:
        with _connected(self.jobs) as ray, _RayCluster.of(ray, work, self.jobs, gpus) as cluster:
            yield from run_on(cluster, work, groups_for(max(1, cluster.slots())))


@contextmanager
def _connected(jobs: int | None) -> Iterator[Any]:
    """Ray, connected; what was begun here ends here."""
    try:
        import ray
    except ImportError as error:
        raise SettingsError(
            f"{setting('engine', 'ray')} needs Ray; install it with: pip install 'ldpf[ray]'"
        ) from error
    if ray.is_initialized():  # by the caller, who also ends it
        yield ray
        return
    address = os.environ.get(ADDRESS)
    how: dict[str, Any] = {"address": address or "local"}
    if not address:
        how |= {"include_dashboard": False, "num_cpus": jobs or torch.get_num_threads()}
    try:
        ray.init(**how, log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f"at {ADDRESS}={address!r}" if address else "on this machine"
        raise LdpfError(f"Ray cannot be used {where}: {_first_line(error)}.") from error
    try:
        yield ray
    finally:
        ray.shutdown()


class _RayCluster(Cluster):
    """Tasks of Ray, each with one processor and perhaps a part of a GPU."""

    def __init__(self, ray: Any, work: Work, jobs: int | None, gpus: float) -> None:
        self.ray, self.jobs, self.gpus = ray, jobs, gpus
        # Once into each machine's memory, from where its workers map it.
        self.work = ray.put(work.packed)
        # Lost tasks are given again by `run_on`, which knows what is left of them.
        options = {"num_cpus": 1, "num_gpus": gpus, "max_retries": 0}
        self.do = ray.remote(**options)(work.do)
        self.begun: set[Any] = set()

    @classmethod
    @contextmanager
    def of(cls, ray: Any, work: Work, jobs: int | None, gpus: float) -> Iterator[_RayCluster]:
        """Workers, which are ended where they are no longer wanted."""
        cluster = cls(ray, work, jobs, gpus)
        try:
            yield cluster
        finally:
            for task in cluster.begun:  # after Ctrl-C; their runs have their checkpoints
                ray.cancel(task, force=True)

    def slots(self) -> int:
        """Processors of the machines that are there, as far as GPUs go."""
        there = self.ray.cluster_resources()
        slots = int(there.get("CPU", 0))
        if self.gpus:
            slots = min(slots, int(there.get("GPU", 0) / self.gpus + 1e-9))
        return slots if self.jobs is None else min(slots, self.jobs)

    def submit(self, chunk: Sequence[tuple[int, Sequence[Any]]]) -> Any:
        """Begin a task."""
        task = self.do.remote(self.work, chunk)
        self.begun.add(task)
        return task

    def wait(self, tasks: Sequence[Any], seconds: float) -> list[Any]:
        """Those that have ended."""
        return self.ray.wait(list(tasks), num_returns=1, timeout=seconds)[0]

    def result(self, task: Any) -> Done:
        """What a task has returned."""
        self.begun.discard(task)
        errors = self.ray.exceptions
        try:
            return self.ray.get(task)
        except errors.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, LdpfError):
                raise cause from error
            raise LdpfError(
                f"Runs cannot be done on the Ray cluster ({type(cause).__name__}: "
                f"{_first_line(cause)}); ldpf and the method should be installed on each of its "
                "machines in the same version."
            ) from error
        except errors.RayError as error:
            raise WorkerLostError(_first_line(error)) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
