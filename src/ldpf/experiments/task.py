"""One task of a benchmark: done, or read where it is done; whatever goes wrong is its outcome."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ldpf.backbones import Backbone
from ldpf.errors import LdpfError
from ldpf.experiments.plan import BenchmarkPlan, Task
from ldpf.experiments.results import RunFolder
from ldpf.experiments.run import run_one, run_settings
from ldpf.experiments.search import choose
from ldpf.experiments.selection import prepared
from ldpf.features.feature_set import FeatureSet
from ldpf.training.shared_passes import Member

log = logging.getLogger("ldpf")


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes:
        results: a line for the method and each of its read-outs; empty after a failure.
        before: whether the run was finished before.
        failure: what went wrong, or None.
    """

    results: list[dict[str, Any]]
    before: bool = False
    failure: str | None = None


@dataclass(frozen=True)
class Benchmark:
    """What all runs of a benchmark have in common.

    Attributes:
        data: features with known domains.
        dataset_name: for the results.
        digest: of the images and, where a manifest names them, of the splits.
        backbone: that made the features.
        plan: which runs there are.
        runs: folder with a folder for each run.
    """

    data: FeatureSet
    dataset_name: str
    digest: str
    backbone: Backbone
    plan: BenchmarkPlan
    runs: Path

    def run(self, task: Task, member: Member | None = None) -> Outcome:
        """Do one run, or read it where it is done; whatever goes wrong is its outcome.

        Args:
            member: its part where runs share their text passes.
        """
        plan, backbone = self.plan, self.backbone
        method = plan.make(task.method)
        folder = None
        try:
            episode = task.rules.episode(self.data, task.case, task.seed, plan.train_fraction)
            episode = prepared(episode, plan.selection, plan.train_fraction)
            settings = run_settings(
                method, task.method, self.dataset_name, self.digest, backbone, episode, plan
            )
            folder = RunFolder(self.runs, settings)
            if folder.done:
                lines = folder.results()
                held = {line["method"] for line in lines}
                lacking = [name for name in plan.read_off(task.method) if name not in held]
                if not lacking:
                    return Outcome(lines, before=True)
                log.warning(
                    "The finished run %s has no answers of %s: it is trained again.",
                    folder.path.name,
                    ", ".join(lacking),
                )
            choice = None
            if plan.search is not None:
                trials = folder.open() / "trials"
                choice = choose(
                    plan.search, method, task.method, episode, plan.selection, backbone, trials
                )
            return Outcome(run_one(method, episode, backbone, folder, member, choice))
        except LdpfError as error:
            failure = report = str(error)
        except Exception as error:  # a defect of ours in one run must not cost the others
            failure, report = f"{type(error).__name__}: {error}", traceback.format_exc()
        if folder is not None and folder.path.exists():
            folder.fail(report)
        return Outcome([], failure=failure)
