"""Runs in this process, or in processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ldpf.experiments.engines.base import ENGINES, Engine
from ldpf.experiments.shared_runs import run_group

if TYPE_CHECKING:
    from ldpf.experiments.experiment import Experiment, Job
    from ldpf.experiments.run import Outcome


@ENGINES.register("local")
@dataclass(frozen=True)
class Local(Engine):
    """Processes on this machine.

    With several jobs, joblib runs them; `joblib.parallel_config` chooses another backend, of which
    threads are tested. With one, or None, they are done in this process.
    """

    on_this_machine: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_no_gpus()

    def run(
        self, experiment: Experiment, groups_for: Callable[[int], Sequence[Sequence[Job]]]
    ) -> Iterator[tuple[Job, Outcome]]:
        """Every job with its outcome, as they finish."""
        groups = groups_for(self.jobs or 1)
        n_workers = min(self.jobs or 1, len(groups))
        if n_workers <= 1:
            for group in groups:
                yield from run_group(experiment, group)
            return
        # Imported where it is needed: joblib's process pools take their time to import.
        from ldpf.experiments.pool import run_side_by_side

        yield from run_side_by_side(experiment, groups, n_workers)
