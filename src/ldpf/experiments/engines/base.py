"""What an engine is, and the registry of engines. Imports nothing heavy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from ldpf.errors import SettingsError
from ldpf.utils.constraints import COUNT_OR_NONE, Number, check_fields, constraint
from ldpf.utils.registry import Registry
from ldpf.utils.ways import setting

if TYPE_CHECKING:
    from ldpf.experiments.run import Experiment, Job, Outcome

DEFAULT_ENGINE = "local"


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
