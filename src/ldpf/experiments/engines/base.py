"""What an engine is, and the registry of engines. Imports nothing heavy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from ldpf.errors import SettingsError
from ldpf.utils.constraints import COUNT_OR_NONE, Number, check_fields, constraint
from ldpf.utils.registry import Registry
from ldpf.utils.ways import setting

if TYPE_CHECKING:
    from ldpf.experiments.experiment import Experiment, Job
    from ldpf.experiments.run import Outcome

DEFAULT_ENGINE = "local"

T = TypeVar("T")
R = TypeVar("R")

Done = list[tuple[int, list[Any], list[str]]]
"""Of each group its number, the outcomes of its jobs and the warnings on the way."""


@dataclass(frozen=True)
class Work(Generic[T, R]):
    """What workers do with jobs T, which gives outcomes R.

    Attributes:
        packed: what all jobs have in common; it can be sent to other processes.
        do: does numbered groups of jobs, with `packed`; a function that can be imported.
        name: of a job, for a message.
        given_up: the outcome of a job whose worker dies again and again, from the reason.
    """

    packed: Any
    do: Callable[[Any, Sequence[tuple[int, Sequence[T]]]], Done]
    name: Callable[[T], str]
    given_up: Callable[[str], R]


@dataclass(frozen=True)
class Engine(ABC):
    """A way to do runs, several at a time.

    Attributes:
        jobs: runs at a time at most; None for as many as there is room for.
        gpus_per_run: GPUs for each run, such as 0.25 for four runs on one; None where the engine
            does not share out GPUs.
        on_this_machine: whether `jobs` should be chosen by what this machine has.
    """

    jobs: int | None = field(default=None, metadata=COUNT_OR_NONE)
    gpus_per_run: float | None = field(
        default=None, metadata=constraint(Number(at_least=0), none=True)
    )

    on_this_machine: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_fields(self)

    def _require_no_gpus(self) -> None:
        if self.gpus_per_run is not None:
            raise SettingsError(
                f"gpus_per_run={self.gpus_per_run:g} needs an engine that shares out GPUs; add "
                f"{setting('engine', 'ray')}, or leave it out."
            )

    def spread(
        self, work: Work[T, R], groups_for: Callable[[int], Sequence[Sequence[T]]], *, on_gpu: bool
    ) -> Iterator[tuple[T, R]]:
        """Jobs of any kind with their outcomes, as they finish, on all machines of the engine.

        Args:
            work: what is done with a job.
            groups_for: jobs that one worker does together, for a number of workers.
            on_gpu: whether a worker needs a GPU.

        Raises:
            SettingsError: what the engine needs is not installed, or it does runs only.
            LdpfError: jobs cannot be done, or their workers die again and again.
        """
        raise SettingsError(
            f"This engine has no other machines; take {setting('engine', 'ray')} or dask."
        )

    @abstractmethod
    def run(
        self, experiment: Experiment, groups_for: Callable[[int], Sequence[Sequence[Job]]]
    ) -> Iterator[tuple[Job, Outcome]]:
        """Every job with its outcome, as they finish.

        Args:
            experiment: of all jobs.
            groups_for: jobs that one worker does together, the longest first, for a number of
                workers.

        Raises:
            SettingsError: what the engine needs is not installed.
            LdpfError: runs cannot be done, or their workers die again and again.
        """


ENGINES: Registry[Engine] = Registry("engine", "ldpf.experiments.engines", variable="ENGINES")
"""By the name that `--engine` takes."""
