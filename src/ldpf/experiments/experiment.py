"""What a run needs to know: the experiment that all runs share, and the job of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ldpf.backbones import Backbone
from ldpf.experiments.plan import BenchmarkPlan, Task
from ldpf.experiments.protocols import Protocol
from ldpf.experiments.readouts import Readout, readouts_of
from ldpf.experiments.search import SearchSpace
from ldpf.experiments.selection import SelectionRule
from ldpf.features.feature_set import FeatureSet
from ldpf.methods import Method


@dataclass(frozen=True)
class Experiment:
    """What all runs of a benchmark have in common, looked up by name already.

    A worker gets this object and looks nothing up, so that what a script has registered is known
    there too.

    Attributes:
        data: features with known domains.
        dataset_name: for the results.
        digest: of the images and, where a manifest names them, of the splits.
        backbone: that made the features.
        protocol: which domains are trained on and tested on.
        selection: what checkpoints and settings are chosen by.
        search: settings to choose from; None chooses none.
        train_fraction: of the split.
        runs: folder with a folder for each run.
        command: that makes the runs, to be stored in them.
    """

    data: FeatureSet
    dataset_name: str
    digest: str
    backbone: Backbone
    protocol: Protocol
    selection: SelectionRule
    search: SearchSpace | None
    train_fraction: float
    runs: Path
    command: str | None = None


@dataclass(frozen=True)
class Job:
    """What is special to one run.

    Attributes:
        task: which run.
        method: with the settings of the plan.
        readouts: all that is read off the training, by name; the method itself comes first.
        wanted: names of those that the plan asks for.
    """

    task: Task
    method: Method
    readouts: Mapping[str, Readout]
    wanted: tuple[str, ...]

    @classmethod
    def of(cls, task: Task, plan: BenchmarkPlan) -> Job:
        """The job of a task."""
        name = task.method
        return cls(task, plan.make(name), readouts_of(name), tuple(plan.read_off(name)))
