"""The loop over methods, cases and seeds: one run each, side by side where asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from ldpf.backbones import Backbone
from ldpf.errors import DataError
from ldpf.experiments.engines import Engine
from ldpf.experiments.engines.local import Local
from ldpf.experiments.experiment import Experiment, Job
from ldpf.experiments.plan import BenchmarkPlan, Task
from ldpf.experiments.recreate import digest_with_splits
from ldpf.experiments.results_file import RESULTS, OwnResults, Results, SharedResults
from ldpf.experiments.run import Outcome
from ldpf.experiments.shared_runs import group_jobs, one_by_one
from ldpf.features.feature_set import FeatureSet
from ldpf.utils.constraints import Whole, check_value
from ldpf.utils.shards import Shard

log = logging.getLogger("ldpf")


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
    shard: Shard | None = None,
    engine: Engine | None = None,
    command: str | None = None,
    on_run: Callable[[dict[str, Any], bool], None] | None = None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Run whatever of `plan` is not done yet and write `out/results.jsonl`.

    A finished run is never repeated (unless it is older than a read-out that `plan` asks for), an
    unfinished one resumes from its checkpoint, and one that fails is reported at the end and stops
    no other.

    Shards share `out` and may run at once, here or on other machines: each does its own runs, and
    `results.jsonl` holds the lines of every run that is finished, by whichever shard.

    Args:
        data: features with known domains.
        dataset_name: for the results.
        backbone: that made the features.
        plan: what to run.
        out: folder of the results.
        jobs: runs side by side, each in a process of its own that loads `backbone` by its name,
            with its share of the threads. 1 runs them in this process. See `Local`.
        share: runs of one method take their text passes together; see `group_jobs`. Runs that
            choose settings take their own.
        runs: folder of the run folders; None for `out/runs`. Plans that share it share their runs.
        shard: which part of the runs to do; None for all.
        engine: where the runs are done; None for `Local(jobs)`.
        command: that makes the runs, as a person types it; stored in the config.json of each run.
        on_run: called after each run with its first result line and whether it was done before.

    Returns:
        The result lines in the order of the plan (of a shard: those of all runs finished so far),
        and a sentence for each failed run.

    Raises:
        DataError: see `Protocol.check`.
        SettingsError: `jobs` is below 1.
        LdpfError: a process with a run died.
    """
    check_value("jobs", jobs, Whole(at_least=1))
    plan.rules.check(data, plan.targets or ())
    experiment = experiment_of(data, dataset_name, backbone, plan, runs or out / "runs", command)
    every = plan.tasks(data.domain_names)
    tasks = every if shard is None else tasks_of(shard, every)
    _say_shares(experiment, plan, tasks)
    outcomes: dict[Task, Outcome] = {}
    todo = [Job.of(task, plan) for task in tasks]
    results: Results = OwnResults(plan, tasks, out / RESULTS)
    if shard is not None:
        results = SharedResults(plan, experiment, every, out / RESULTS)
    engine = engine or Local(jobs=jobs)
    stream = _outcomes(experiment, todo, engine, share)
    with closing(stream):  # type: ignore[type-var]
        for job, outcome in stream:
            outcomes[job.task] = outcome
            results.write(outcomes)
            if on_run is not None and outcome.results:
                on_run(_first(outcome.results), outcome.before)
    failures = [f"{task}: {why}" for task in tasks if (why := outcomes[task].failure)]
    return results.finish(outcomes), failures


def experiment_of(
    data: FeatureSet,
    dataset_name: str,
    backbone: Backbone,
    plan: BenchmarkPlan,
    runs: Path,
    command: str | None = None,
) -> Experiment:
    """What the runs of a plan have in common; see `run_benchmark` for the arguments."""
    return Experiment(
        data=data,
        dataset_name=dataset_name,
        digest=digest_with_splits(data),
        backbone=backbone,
        protocol=plan.rules,
        selection=plan.selection_rule,
        search=plan.search,
        train_fraction=plan.train_share,
        runs=runs,
        command=command,
    )


def tasks_of(shard: Shard, tasks: Sequence[Task]) -> list[Task]:
    """The runs of one shard: nearly as many of each method as any other shard has."""
    return shard.deal(tasks, key=str, kind=lambda task: task.method)


def _say_shares(experiment: Experiment, plan: BenchmarkPlan, tasks: Sequence[Task]) -> None:
    """One line for each case where groups are kept whole: the shares of its first seed."""
    if experiment.data.groups is None:
        return
    fraction = experiment.train_fraction
    for case in dict.fromkeys(task.case for task in tasks):
        try:
            episode = plan.rules.episode(experiment.data, case, 0, fraction)
        except DataError:  # the runs of this case say why, and stop no other
            continue
        shares = episode.train.split_words(episode.validation)
        log.info("%s: %s", plan.rules.case_words(case), shares)


def _outcomes(
    experiment: Experiment, jobs: Sequence[Job], engine: Engine, share: bool
) -> Iterator[tuple[Job, Outcome]]:
    """Every job with its outcome, as they come."""
    # Runs that choose settings train several times, each in its own time.
    share = share and experiment.search is None

    def groups_for(n_workers: int) -> list[list[Job]]:
        device = experiment.backbone.device
        groups = group_jobs(jobs, device, n_workers) if share else one_by_one(jobs)
        # The longest first, so that none of them is begun when the others are about to end.
        return groups if n_workers == 1 else sorted(groups, key=_n_prompts, reverse=True)

    return engine.run(experiment, groups_for)


def _n_prompts(group: Sequence[Job]) -> int:
    return sum(job.method.n_prompts for job in group)


def _first(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The trained method's line, with its accuracy averaged over the run's targets."""
    own = [line["accuracy"] for line in lines if line["method"] == lines[0]["method"]]
    return {**lines[0], "accuracy": sum(own) / len(own)}
