"""Runs on Dask: a scheduler that runs already, or workers of this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch

from ldpf.errors import LdpfError, SettingsError
from ldpf.experiments.engines.base import ENGINES, Done, Engine, R, T, Work
from ldpf.experiments.engines.cluster import Cluster, WorkerLostError, run_on, runs_of
from ldpf.utils.ways import setting

if TYPE_CHECKING:
    from ldpf.experiments.experiment import Experiment, Job
    from ldpf.experiments.run import Outcome

ADDRESS = "DASK_SCHEDULER_ADDRESS"
"""Variable with the address of a running scheduler; without it, workers are begun here."""


@ENGINES.register("dask", extra="dask")
@dataclass(frozen=True)
class Dask(Engine):
    """Workers of a Dask scheduler (at DASK_SCHEDULER_ADDRESS), or of this machine."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_no_gpus()

    def run(
        self, experiment: Experiment, groups_for: Callable[[int], Sequence[Sequence[Job]]]
    ) -> Iterator[tuple[Job, Outcome]]:
        """Every job with its outcome, as they finish."""
        return self.spread(runs_of(experiment), groups_for, on_gpu=False)

    def spread(
        self, work: Work[T, R], groups_for: Callable[[int], Sequence[Sequence[T]]], *, on_gpu: bool
    ) -> Iterator[tuple[T, R]]:
        """See `Engine`; Dask shares out no GPUs."""
        with _connected(self.jobs) as distributed:
            cluster = _DaskCluster(distributed, work, self.jobs)
            try:
                yield from run_on(cluster, work, groups_for(max(1, cluster.slots())))
            finally:
                cluster.client.cancel(list(cluster.begun))


@contextmanager
def _connected(jobs: int | None) -> Iterator[Any]:
    """The package `distributed`, with a current client; what was begun here ends here."""
    try:
        import distributed
    except ImportError as error:
        raise SettingsError(
            f"{setting('engine', 'dask')} needs Dask; install it with: pip install 'ldpf[dask]'"
        ) from error
    with ExitStack() as begun:
        try:
            distributed.Client.current()  # of the caller, who also ends it
        except ValueError:
            address = os.environ.get(ADDRESS)
            if address is None:
                address = begun.enter_context(
                    distributed.LocalCluster(
                        n_workers=jobs or torch.get_num_threads(),
                        threads_per_worker=1,
                        dashboard_address=cast(Any, None),  # no dashboard
                    )
                )
            try:
                begun.enter_context(distributed.Client(address))
            except OSError as error:
                raise LdpfError(
                    f"There is no Dask scheduler at {ADDRESS}={address!r}: {error}."
                ) from error
        yield distributed


class _DaskCluster(Cluster):
    """Tasks of Dask, one for each thread of a worker."""

    def __init__(self, distributed: Any, work: Work, jobs: int | None) -> None:
        self.distributed, self.jobs = distributed, jobs
        self.client = distributed.Client.current()
        self.work = work
        self.begun: set[Any] = set()
        self._send()

    def _send(self) -> None:
        """Give the work to every worker, so that one that goes takes nothing with it."""
        self.sent = self.client.scatter(self.work.packed, broadcast=True, hash=False)

    def slots(self) -> int:
        """Threads of the workers that are there."""
        slots = sum(self.client.nthreads().values())
        return slots if self.jobs is None else min(slots, self.jobs)

    def submit(self, chunk: Sequence[tuple[int, Sequence[Any]]]) -> Any:
        """Begin a task."""
        task = self.client.submit(self.work.do, self.sent, list(chunk), pure=False)
        self.begun.add(task)
        return task

    def wait(self, tasks: Sequence[Any], seconds: float) -> list[Any]:
        """Those that have ended."""
        try:
            ended = self.distributed.wait(tasks, seconds, return_when="FIRST_COMPLETED")
        except (TimeoutError, self.distributed.TimeoutError):
            return []
        return list(ended.done)

    def result(self, task: Any) -> Done:
        """What a task has returned."""
        self.begun.discard(task)
        try:
            return task.result()
        except LdpfError:
            raise
        except (
            self.distributed.scheduler.KilledWorker,
            self.distributed.client.FutureCancelledError,
            self.distributed.comm.CommClosedError,
        ) as error:
            self._send()
            raise WorkerLostError(str(error).split(";")[0].rstrip(".")) from error
        except Exception as error:
            raise LdpfError(
                f"Runs cannot be done by the Dask workers ({type(error).__name__}: {error}); ldpf "
                "and the method should be installed on each machine in the same version."
            ) from error
