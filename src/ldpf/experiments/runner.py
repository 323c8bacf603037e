"""The loop over methods, cases and seeds: one run each, side by side where asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from ldpf.backbones import Backbone
from ldpf.errors import SettingsError
from ldpf.experiments.plan import BenchmarkPlan, Task
from ldpf.experiments.pool import Workers
from ldpf.experiments.protocol import check_domains, get_protocol
from ldpf.experiments.results import write_results
from ldpf.experiments.shared_runs import group_tasks, one_by_one, run_group
from ldpf.experiments.task import Benchmark, Outcome
from ldpf.features.feature_set import FeatureSet


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

    A finished run is never repeated (unless it is older than a read-out that `plan` asks for), an
    unfinished one goes on from its checkpoint, and one that fails is reported at the end and stops
    no other.

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
    check_domains(data, plan.targets or (), get_protocol(plan.protocol))
    benchmark = Benchmark(
        data, dataset_name, _digest_with_splits(data), backbone, plan, runs or out / "runs"
    )
    tasks = plan.tasks(data.domain_names)
    outcomes: dict[Task, Outcome] = {}
    with closing(_outcomes(benchmark, tasks, jobs, share)) as stream:
        for task, outcome in stream:
            outcomes[task] = outcome
            write_results(out / "results.jsonl", _lines(plan, tasks, outcomes))
            if on_run is not None and outcome.results:
                on_run(_first(outcome.results), outcome.before)
    failures = [f"{task}: {found}" for task in tasks if (found := outcomes[task].failure)]
    return _lines(plan, tasks, outcomes), failures


def _outcomes(
    benchmark: Benchmark, tasks: Sequence[Task], jobs: int, share: bool
) -> Iterator[tuple[Task, Outcome]]:
    """Every task with its outcome, as they come."""
    # Runs that choose settings train several times, each in its own time.
    share = share and benchmark.plan.search is None
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
    return [line for o in done for line in o.results if plan.wants(line)]


def _first(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The trained method's line, with its accuracy averaged over the run's targets."""
    own = [line["accuracy"] for line in lines if line["method"] == lines[0]["method"]]
    return {**lines[0], "accuracy": sum(own) / len(own)}


def _digest_with_splits(data: FeatureSet) -> str:
    """The digest of the images and, where a manifest names splits, of these: both decide a run."""
    if data.splits is None:
        return data.digest()
    return hashlib.sha256("\n".join([data.digest(), *data.splits]).encode()).hexdigest()
