"""What a comparison shows and keeps while its runs finish."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ldpf.experiments.plan import BenchmarkPlan, Task
from ldpf.features.feature_set import FeatureSet
from ldpf.training.callbacks import CHECKPOINT, Tracker, track_log
from ldpf.utils.progress import progress_bar
from ldpf.utils.text import count

log = logging.getLogger("ldpf")


def what_is_kept(runs: Path) -> str:
    """What the same command does after a comparison was stopped."""
    finished = sum(1 for _ in runs.glob("*/done"))
    begun = sum(1 for _ in runs.glob(f"*/{CHECKPOINT}"))
    if not finished and not begun:
        return (
            "No run is finished and none has a checkpoint: the same command starts again (images "
            "that were encoded are not encoded again)."
        )
    begun_too = f", {begun:,} under way with a checkpoint" if begun else ""
    return f"The same command resumes: {count(finished, 'finished run')}{begun_too}."


@contextmanager
def progress(
    plan: BenchmarkPlan, tasks: Sequence[Task], runs: Path, curves: Path | None
) -> Iterator[Any]:
    """A function to call after each run: a line in the log, a step of a bar, and its curves."""
    width = max(len(name) for name in plan.trained)
    case_width = max((len(plan.rules.case_words(task.case)) for task in tasks), default=0)

    def finished(line: dict[str, Any], before: bool) -> None:
        log.info(
            "%s  %s  seed %s  accuracy %s  %s",
            f"{line['method']:<{width}}",
            f"{plan.rules.case_words(line.get('case', line['target'])):<{case_width}}",
            line["seed"],
            f"{line['accuracy']:6.1%}",
            "done before" if before else f"{line['seconds']:.1f} s",
        )
        advance(1)
        if curves is not None:
            _track(line, runs, curves)

    enabled = log.isEnabledFor(logging.INFO)
    with progress_bar("runs", len(tasks), enabled=enabled) as advance:
        yield finished


def _track(line: dict[str, Any], runs: Path, curves: Path) -> None:
    """Curves of a run that is over; one that has them already keeps them."""
    case = line.get("case", line["target"])
    folder = curves / line["method"] / f"{case}-seed-{line['seed']}-{line['run'][:8]}"
    if folder.exists():
        return
    tracker = Tracker(folder)
    track_log(runs / line["run"] / "metrics.jsonl", tracker)
    tracker.add_target_accuracy(line["accuracy"])
    tracker.close()


def caption_of(
    dataset: str, backbone: str, features: FeatureSet, plan: BenchmarkPlan, out: Path
) -> list[str]:
    spread = ", mean ± standard deviation over seeds" if plan.seeds > 1 else ""
    return [
        f"Accuracy in % on {plan.rules.measured}{spread}.",
        f"Data {dataset}: {count(len(features), 'image')}, "
        f"{count(len(features.class_names), 'class', 'classes')}. Backbone {backbone}. "
        f"{count(plan.seeds, 'seed')}, recipe {plan.recipe.name}, checkpoints selected by "
        f"{plan.selection_rule.words}.",
        f"Files: {out / 'results.jsonl'}, {out / 'table.md'}, {out / 'runs'}.",
    ]
