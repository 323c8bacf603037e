"""The loop over methods, targets and seeds: one run each, side by side where asked."""

from __future__ import annotations

import hashlib
import logging
import platform
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers

import ldpf
from ldpf.backbones import Backbone
from ldpf.errors import LdpfError, SettingsError
from ldpf.evaluation.measure import peak_memory_mib, reset_peak_memory
from ldpf.evaluation.metrics import accuracy, confusion_counts, per_class_accuracy
from ldpf.evaluation.protocol import SELECTION, Episode, check_domains, leave_one_domain_out
from ldpf.evaluation.readouts import READOUTS, get_readout
from ldpf.evaluation.store import RESULT_VERSION, RunFolder, write_results
from ldpf.evaluation.together import group_tasks, one_by_one, run_group
from ldpf.evaluation.workers import Workers
from ldpf.features import FeatureSet
from ldpf.methods import Method, make_method
from ldpf.methods.settings import setting_names, with_settings
from ldpf.passes import Member
from ldpf.recipes import Recipe
from ldpf.training import RunRecord

log = logging.getLogger("ldpf")


@dataclass(frozen=True)
class BenchmarkPlan:
    """What `benchmark` runs: every method on every target with every seed.

    Attributes:
        methods: names from `READOUTS`.
        targets: domains left out in turn; None for all.
        seeds: number of seeds, 0 to seeds - 1. A seed drives split, start and order.
        recipe: for the methods that learn.
        n_domains: latent domains of LDPF; None for its default.
        train_fraction: share of each source domain that is trained on; the rest is validation.
        settings: other values for the settings of the methods by dotted name, as in
            `{"tau": 0.05, "discovery.n_domains": 2}`. A method takes those that it has.
    """

    methods: Sequence[str]
    recipe: Recipe
    targets: Sequence[str] | None = None
    seeds: int = 3
    n_domains: int | None = None
    train_fraction: float = 0.8
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.methods:
            raise SettingsError(f"No methods were given; choose from {', '.join(READOUTS)}.")
        for name in self.methods:
            get_readout(name)
        if self.seeds < 1:
            raise SettingsError(f"seeds={self.seeds} should be at least 1.")
        known = {name for method in self.trained for name in setting_names(make_method(method))}
        if unknown := [name for name in self.settings if name not in known]:
            raise SettingsError(
                f"None of the methods {', '.join(self.trained)} has a setting {unknown[0]!r}; "
                f"there are {', '.join(sorted(known)) or 'none'}."
            )
        for method in self.trained:
            self.make(method)

    def make(self, name: str) -> Method:
        """The method called `name` as this plan wants it.

        Raises:
            SettingsError: a value that is not allowed.
        """
        method = make_method(name, self.recipe, self.n_domains)
        known = setting_names(method)
        return with_settings(method, {k: v for k, v in self.settings.items() if k in known})

    @property
    def trained(self) -> list[str]:
        """The methods that are trained; read-outs of the same training count once."""
        return list(dict.fromkeys(get_readout(name).trained_as for name in self.methods))


@dataclass(frozen=True)
class Task:
    """One run: a method on a target with a seed."""

    method: str
    target: str
    seed: int

    def __str__(self) -> str:
        return f"{self.method}, target {self.target}, seed {self.seed}"


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
        method = self.plan.make(task.method)
        folder = None
        try:
            episode = leave_one_domain_out(
                self.data, task.target, task.seed, self.plan.train_fraction
            )
            settings = run_settings(
                method,
                task.method,
                self.dataset_name,
                self.digest,
                self.backbone,
                episode,
                self.plan,
            )
            folder = RunFolder(self.runs, settings)
            if folder.done:
                return Outcome(folder.results(), before=True)
            return Outcome(run_one(method, episode, self.backbone, folder, member))
        except LdpfError as error:
            failure = report = str(error)
        except Exception as error:  # a defect of ours in one run must not cost the others
            failure, report = f"{type(error).__name__}: {error}", traceback.format_exc()
        if folder is not None and folder.path.exists():
            folder.fail(report)
        return Outcome([], failure=failure)


def run_benchmark(
    data: FeatureSet,
    dataset_name: str,
    backbone: Backbone,
    plan: BenchmarkPlan,
    out: Path,
    *,
    jobs: int = 1,
    share: bool = False,
    runs: Path | None = None,
    on_run: Callable[[dict[str, Any], bool], None] | None = None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Run whatever of `plan` is not done yet and write `out/results.jsonl`.

    A finished run is never repeated, an unfinished one goes on from its checkpoint, and one that
    fails is reported at the end and stops no other.

    Args:
        jobs: runs side by side, each in a process of its own that loads `backbone` by its name,
            with its share of the threads. 1 runs them in this process. (In a script, more than one
            needs the usual `if __name__ == "__main__":`, as all of multiprocessing does.)
        share: runs of one method take their text passes together; see `group_tasks`.
        runs: folder of the run folders; None for `out/runs`. Plans that share it share their runs.
        on_run: called after each run with its first result line and whether it was done before.

    Returns:
        The result lines in the order of the plan, and a sentence for each failed run.

    Raises:
        DataError: see `check_domains`.
        SettingsError: `jobs` is below 1.
    """
    if jobs < 1:
        raise SettingsError(f"jobs={jobs} should be at least 1.")
    targets = list(plan.targets or data.domain_names)
    check_domains(data, targets)
    benchmark = Benchmark(
        data, dataset_name, _digest_with_splits(data), backbone, plan, runs or out / "runs"
    )
    tasks = [
        Task(method, target, seed)
        for target in targets
        for seed in range(plan.seeds)
        for method in plan.trained
    ]
    outcomes: dict[Task, Outcome] = {}
    with closing(_outcomes(benchmark, tasks, jobs, share)) as stream:
        for task, outcome in stream:
            outcomes[task] = outcome
            write_results(out / "results.jsonl", _lines(plan, tasks, outcomes))
            if on_run is not None and outcome.results:
                on_run(outcome.results[0], outcome.before)
    failures = [f"{task}: {found}" for task in tasks if (found := outcomes[task].failure)]
    return _lines(plan, tasks, outcomes), failures


def _outcomes(
    benchmark: Benchmark, tasks: Sequence[Task], jobs: int, share: bool
) -> Iterator[tuple[Task, Outcome]]:
    """Every task with its outcome, as they come."""
    groups = group_tasks(benchmark, tasks, jobs) if share else one_by_one(tasks)
    if jobs == 1:
        for group in groups:
            yield from run_group(benchmark, group)
        return

    def prompts(group: Sequence[Task]) -> int:
        return sum(benchmark.plan.make(task.method).n_prompts for task in group)

    # The longest first, so that none of them is begun when the others are about to end.
    with Workers(benchmark, min(jobs, len(groups))) as workers:
        yield from workers.run(sorted(groups, key=prompts, reverse=True))


def _lines(
    plan: BenchmarkPlan, tasks: Sequence[Task], outcomes: dict[Task, Outcome]
) -> list[dict[str, Any]]:
    """The lines asked for, in the order of the plan, whatever came first."""
    done = [outcomes[task] for task in tasks if task in outcomes]
    return [line for o in done for line in o.results if line["method"] in plan.methods]


def _digest_with_splits(data: FeatureSet) -> str:
    """The digest of the images and, where a manifest names splits, of these: both decide a run."""
    if data.splits is None:
        return data.digest()
    return hashlib.sha256("\n".join([data.digest(), *data.splits]).encode()).hexdigest()


def run_settings(
    method: Method,
    name: str,
    dataset_name: str,
    digest: str,
    backbone: Backbone,
    episode: Episode,
    plan: BenchmarkPlan,
) -> dict[str, Any]:
    """Everything the result of a run depends on, ready for JSON and for the hash."""
    return {
        "result_version": RESULT_VERSION,
        "dataset": dataset_name,
        "data_digest": digest,
        "fingerprint": backbone.fingerprint,
        "method_name": name,
        "method": asdict(method),
        "target": episode.target,
        "seed": episode.seed,
        "train_fraction": plan.train_fraction,
        "selection": SELECTION if method.learns else "none",
    }


def run_one(
    method: Method,
    episode: Episode,
    backbone: Backbone,
    folder: RunFolder,
    member: Member | None = None,
) -> list[dict[str, Any]]:
    """Train, then look at the target once: a result line for the method and each read-out."""
    record = RunRecord(folder.open(), member=member)
    reset_peak_memory()
    started = time.perf_counter()
    classifier = method.fit(
        episode.train, episode.validation, backbone, seed=episode.seed, record=record
    )
    seconds = time.perf_counter() - started + record.seconds_before
    peak = peak_memory_mib()
    settings, test = folder.settings, episode.test
    recipe = getattr(method, "recipe", None)  # not everything that learns learns prompts
    n_classes = len(test.class_names)
    results = []
    answers = {"labels": test.labels}
    for name, readout in READOUTS.items():
        if readout.trained_as != settings["method_name"]:
            continue
        predictions = answers[name] = readout.predict(classifier, test.features, test.labels)
        results.append(
            {
                "dataset": settings["dataset"],
                "method": name,
                "target": episode.target,
                "seed": episode.seed,
                "recipe": recipe.name if recipe else "none",
                "selection": settings["selection"],
                "oracle": readout.oracle,
                "per_image": classifier.per_image,
                "accuracy": accuracy(predictions, test.labels),
                "n_test": len(test),
                "n_train": len(episode.train),
                "n_validation": len(episode.validation),
                "seconds": round(seconds, 3),
                "text_passes": classifier.training["text_passes"],
                "peak_memory_mib": round(peak, 1),
                "shared_with": member.others if member else 0,
                "settings_hash": folder.hash,
                "run": folder.path.name,
                "backbone": backbone.name,
                "fingerprint": backbone.fingerprint,
                "class_names": list(test.class_names),
                "per_class_accuracy": per_class_accuracy(predictions, test.labels, n_classes),
                "confusion": confusion_counts(predictions, test.labels, n_classes),
                "training": classifier.training,
                "versions": versions(),
            }
        )
    folder.finish(results, answers)
    return results


def versions() -> dict[str, str]:
    """Versions that stand in every result."""
    return {
        "ldpf": ldpf.__version__,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
    }
