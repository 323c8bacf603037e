"""results.jsonl as runs finish: of one process, or of shards that share a folder."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ldpf.errors import ModelError, SettingsError
from ldpf.experiments.experiment import Experiment, Job
from ldpf.experiments.plan import BenchmarkPlan, Task
from ldpf.experiments.results import read_results, write_results
from ldpf.experiments.run import Outcome, finished_before
from ldpf.utils.locks import locked_file
from ldpf.utils.ways import named

RESULTS = "results.jsonl"

_TURN_S = 600.0  # for other shards that write the results, each in milliseconds
_COLLECT_EVERY_S = 5.0


def refuse_other_results(folder: Path) -> None:
    """Refuse a folder whose results.jsonl is somebody else's: it would be written over.

    One that is damaged beside the runs of a benchmark is written again from them.

    Raises:
        SettingsError: there are no runs, and the file does not hold lines of results.
    """
    file = folder / RESULTS
    if (folder / "runs").exists() or not file.exists():
        return
    try:
        lines = read_results(file)
    except ModelError:
        lines = [{}]
    if not all("method" in line for line in lines):
        raise SettingsError(
            f"{str(file)!r} holds no results of a benchmark, and would be lost; give a new folder "
            f"with {named('out')}."
        )


class Results(Protocol):
    """Writes results.jsonl as runs finish."""

    def write(self, outcomes: Mapping[Task, Outcome]) -> None:
        """Write what there is so far."""
        ...

    def finish(self, outcomes: Mapping[Task, Outcome]) -> list[dict[str, Any]]:
        """Write the rest; all lines."""
        ...


@dataclass(frozen=True)
class OwnResults:
    """Results of a folder that this process has for itself: the lines of its own runs.

    Attributes:
        plan: of the runs.
        tasks: all of them.
        file: results.jsonl.
    """

    plan: BenchmarkPlan
    tasks: Sequence[Task]
    file: Path

    def write(self, outcomes: Mapping[Task, Outcome]) -> None:
        """Write the lines so far."""
        write_results(self.file, self._lines(outcomes))

    def finish(self, outcomes: Mapping[Task, Outcome]) -> list[dict[str, Any]]:
        """All lines, which are written."""
        self.write(outcomes)
        return self._lines(outcomes)

    def _lines(self, outcomes: Mapping[Task, Outcome]) -> list[dict[str, Any]]:
        done = [outcomes[task].results for task in self.tasks if task in outcomes]
        return _in_order(self.plan, done)


@dataclass
class SharedResults:
    """Results of a folder that shards share: the lines of all runs that any of them has finished.

    Attributes:
        plan: of all shards.
        experiment: of all runs.
        tasks: of all shards.
        file: results.jsonl.
    """

    plan: BenchmarkPlan
    experiment: Experiment
    tasks: Sequence[Task]
    file: Path
    _known: dict[Task, list[dict[str, Any]]] = field(default_factory=dict)
    _written: float = -math.inf

    def write(self, outcomes: Mapping[Task, Outcome]) -> None:
        """Collect and write the lines, every few seconds."""
        self._add(outcomes)
        if time.monotonic() - self._written >= _COLLECT_EVERY_S:
            self._collect()

    def finish(self, outcomes: Mapping[Task, Outcome]) -> list[dict[str, Any]]:
        """All lines, which are written."""
        self._add(outcomes)
        return self._collect()

    def _add(self, outcomes: Mapping[Task, Outcome]) -> None:
        self._known |= {task: o.results for task, o in outcomes.items() if o.results}

    def _collect(self) -> list[dict[str, Any]]:
        # Whoever writes last has looked last: what another one wrote is never overwritten by less.
        with locked_file(self.file, patience_s=_TURN_S):
            for task in self.tasks:
                if task not in self._known:
                    found = finished_before(self.experiment, Job.of(task, self.plan))
                    self._known |= {} if found is None else {task: found}
            done = [self._known[task] for task in self.tasks if task in self._known]
            lines = _in_order(self.plan, done)
            write_results(self.file, lines)
        self._written = time.monotonic()
        return lines


def _in_order(plan: BenchmarkPlan, results: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The lines asked for, in the order of the plan, whatever came first."""
    return [line for lines in results for line in lines if plan.wants(line)]
