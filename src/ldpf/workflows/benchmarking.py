"""Methods compared on domains they have never seen: the work of `ldpf benchmark`."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ldpf.data import require_trainable
from ldpf.experiments.engines import DEFAULT_ENGINE, ENGINES
from ldpf.experiments.plan import BenchmarkPlan, Task
from ldpf.experiments.pool import choose_jobs
from ldpf.experiments.protocol_presets import get_protocol_preset
from ldpf.experiments.protocols import DEFAULT_PROTOCOL
from ldpf.experiments.results import read_results
from ldpf.experiments.results_file import RESULTS, refuse_other_results
from ldpf.experiments.runner import run_benchmark, tasks_of
from ldpf.experiments.search import parse_search
from ldpf.experiments.selection import DEFAULT_SELECTION
from ldpf.inspection.leaks import NO_LEAKS, LeakReport
from ldpf.methods.presets import get_preset
from ldpf.models.summary import chosen_words
from ldpf.report.tables.benchmark_table import BenchmarkTable
from ldpf.training.callbacks import Tracker
from ldpf.training.recipe import get_recipe
from ldpf.utils.files import write_text
from ldpf.utils.locks import locked_file, locked_folder
from ldpf.utils.own_folders import check_own_folder
from ldpf.utils.paths import full_path
from ldpf.utils.shards import Shard, shard_of
from ldpf.utils.stopping import says_on_stop
from ldpf.utils.text import count
from ldpf.utils.ways import named
from ldpf.workflows.benchmark_progress import caption_of, progress, what_is_kept
from ldpf.workflows.defaults import COMPARED
from ldpf.workflows.inputs import AnyBackbone, Images, list_images
from ldpf.workflows.leaks import check_protocol, hint_at_bursts, report_leaks
from ldpf.workflows.outputs import check_outputs

log = logging.getLogger("ldpf")


@dataclass(frozen=True)
class Comparison:
    """A finished benchmark.

    Attributes:
        out: folder of results.jsonl, table.md and the runs.
        lines: a result line for each method, target and seed.
        table: of them.
        failures: a sentence for each run that failed.
        leaks: copies of training images among those tested on, and images under two classes.
    """

    out: Path
    lines: list[dict[str, Any]]
    table: BenchmarkTable
    failures: tuple[str, ...]
    leaks: LeakReport = NO_LEAKS

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "results": self.lines,
            "table": self.table.to_json(),
            "failures": list(self.failures),
            "leaks": self.leaks.to_json(),
        }


def benchmark(
    data: Images = "demo",
    out: str | Path = "results",
    *,
    methods: Sequence[str] = COMPARED,
    backbone: AnyBackbone | None = None,
    n_domains: int | str | None = None,
    recipe: str | None = None,
    preset: str = "default",
    settings: Mapping[str, Any] | None = None,
    seeds: int = 3,
    targets: Sequence[str] | None = None,
    protocol: str | None = None,
    selection: str | None = None,
    protocol_preset: str | None = None,
    search: Sequence[str] = (),
    trials: int | None = None,
    jobs: int | None = None,
    share: bool | None = None,
    track: str | Path | None = None,
    fail_on_leaks: bool = False,
    shard: Shard | str | None = None,
    engine: str = DEFAULT_ENGINE,
    gpus_per_run: float | None = None,
    device: str = "auto",
    command: str | None = None,
) -> Comparison:
    """Compare methods on images from domains they have never seen.

    Finished runs are kept: the same call resumes an interrupted comparison and repeats nothing.

    Args:
        data: labeled images whose domains are known.
        out: folder for results.jsonl, table.md and the runs.
        methods: names in `ldpf.experiments.readouts.READOUTS`.
        backbone: frozen model to build on; None for `openai/clip-vit-base-patch16`, and "nano" for
            the demo set.
        n_domains: how many latent domains LDPF looks for, or the name of a rule in `HOW_MANY` that
            chooses, such as "auto"; None for its own.
        recipe: "steady", "fast" or "paper"; None for the preset's own.
        preset: "default", or "paper" for the configuration of the paper.
        settings: other values by dotted name, for every method that has them, as in
            `{"tau": 0.05, "recipe.learning_rate": 0.01}`.
        seeds: number of repetitions with different random starts.
        targets: domains to leave out in turn; None for every one.
        protocol: a name in `ldpf.experiments.protocols.PROTOCOLS`; None for
            "leave-one-domain-out".
        selection: a name in `ldpf.experiments.selection.SELECTION_RULES`: how checkpoints and
            settings are chosen; None for "training-domain-validation".
        protocol_preset: a name in `ldpf.experiments.protocol_presets.PROTOCOL_PRESETS`: protocol,
            selection and recipe of a paper. A `recipe` overrides that of the preset.
        search: settings to choose from several values, such as "tau=0.05,0.1".
        trials: combinations to try; None for every one.
        jobs: runs at the same time, each in a separate process; None for as many as processors and
            memory allow.
        share: whether runs that differ only in seed or target share their text passes: faster with
            small text encoders and on a GPU, equal up to rounding. None shares them on a GPU.
        track: folder for curves that TensorBoard shows.
        fail_on_leaks: stop before the first run if test images are also training images, or if
            images are in two classes. Otherwise the log warns of them.
        shard: which part of the runs to do, such as "2/8"; None for all. Shards can share `out` and
            run at the same time, on one machine or several. results.jsonl, table.md and the result
            of this function then contain what all of them have finished so far.
        engine: a name in `ldpf.experiments.engines.ENGINES`: where the runs are done. `out` should
            be a folder that all of its machines share.
        gpus_per_run: GPUs for each run, such as 0.25; None for one if `device` is a GPU. For an
            engine that distributes GPUs.
        device: "auto", "cpu" or "cuda".
        command: stored in each run as the command that made it.

    Raises:
        SettingsError: an impossible option, `out` contains other files, or it is in the folder of
            the images.
        DataError: the images cannot be used, or their domains are unknown; or there are leaks, with
            `fail_on_leaks`.
    """
    part = shard_of(shard)
    place = ENGINES.make(engine, jobs=jobs, gpus_per_run=gpus_per_run)
    plan = make_plan(
        methods=methods,
        n_domains=n_domains,
        recipe=recipe,
        preset=preset,
        settings=settings,
        seeds=seeds,
        targets=targets,
        protocol=protocol,
        selection=selection,
        protocol_preset=protocol_preset,
        search=search,
        trials=trials,
    )
    folder = full_path(out, named("out"))
    check_outputs(data, folders={"out": folder, "track": track})
    check_own_folder(folder, ("runs", RESULTS), "benchmark results")
    refuse_other_results(folder)
    curves = None if track is None else Path(track)
    if curves is not None:
        Tracker(curves)  # refused here rather than after the first run
    with _held(folder, part):
        images = list_images(data)
        dataset = images.dataset
        # These need no features, so no one waits for an encoding in vain.
        plan.rules.check(dataset, plan.targets or ())
        require_trainable(dataset)
        shown = list(plan.targets or dataset.domain_names)
        frozen = images.open_backbone(backbone, device)
        if jobs is None and place.on_this_machine:
            own = [task for task in _tasks(plan, shown, part) if plan.make(task.method).learns]
            # By where the backbone is: one that does not agree with the CPU is put back there.
            place = replace(place, jobs=jobs_for(len(own), frozen.device))
        if share is None:
            share = torch.device(frozen.device).type != "cpu"
        if share:
            log.info("text passes: shared by runs that differ in seed or target")
        features = images.encode(frozen, style=plan.needs_style).features
        hint_at_bursts(features)
        for sentence in plan.rules.remarks(features):
            log.warning("%s", sentence)
        leaks = report_leaks(check_protocol(features, plan), fail=fail_on_leaks)
        with (
            progress(plan, _tasks(plan, shown, part), folder / "runs", curves) as on_run,
            says_on_stop(lambda: what_is_kept(folder / "runs")),
        ):
            lines, failures = run_benchmark(
                features,
                dataset.name,
                frozen,
                plan,
                folder,
                engine=place,
                share=share,
                shard=part,
                command=command,
                on_run=on_run,
            )
        # Another shard may have finished runs meanwhile: the table is that of what is written.
        with locked_file(folder / RESULTS, patience_s=60):
            lines = lines if part is None else read_results(folder / RESULTS)
            caption = [
                *caption_of(dataset.name, frozen.name, features, plan, folder),
                *chosen_words(lines),
                *_unfinished(plan, _tasks(plan, shown), lines),
            ]
            columns = plan.rules.columns(shown)
            table = BenchmarkTable.from_results(lines, plan.methods, columns, caption)
            write_text(folder / "table.md", table.to_markdown())
        return Comparison(folder, lines, table, tuple(failures), leaks)


def make_plan(
    *,
    methods: Sequence[str] = COMPARED,
    n_domains: int | str | None = None,
    recipe: str | None = None,
    preset: str = "default",
    settings: Mapping[str, Any] | None = None,
    seeds: int = 3,
    targets: Sequence[str] | None = None,
    protocol: str | None = None,
    selection: str | None = None,
    protocol_preset: str | None = None,
    search: Sequence[str] = (),
    trials: int | None = None,
) -> BenchmarkPlan:
    """The plan that the arguments of `benchmark` describe, which see.

    Raises:
        SettingsError: an option that cannot be.
    """
    measured = None if protocol_preset is None else get_protocol_preset(protocol_preset)
    way = get_recipe(recipe or get_preset(preset).recipe)
    if measured is not None:
        measured.require(str(protocol_preset), protocol=protocol, selection=selection)
        protocol, selection = measured.protocol, measured.selection
        way = measured.recipe if recipe is None else way
    return BenchmarkPlan(
        methods=list(methods),
        recipe=way,
        preset=preset,
        targets=None if targets is None else list(targets),
        seeds=seeds,
        n_domains=n_domains,
        settings=settings or {},
        protocol=protocol or DEFAULT_PROTOCOL,
        selection=selection or DEFAULT_SELECTION,
        search=parse_search(search, trials),
    )


@contextmanager
def _held(folder: Path, shard: Shard | None) -> Iterator[None]:
    """Hold the folder of results, or one shard's part in it.

    Raises:
        SettingsError: another process holds the folder or this shard.
    """
    if shard is None:
        with locked_folder(folder):
            yield
        return
    # Refused while a process has the folder for itself; other shards look in for a moment only.
    made = [path for path in (folder / "runs", folder) if not path.exists()]
    with locked_folder(folder, patience_s=5):
        (folder / "runs").mkdir(exist_ok=True)
    try:
        with locked_file(folder / f"shard-{shard.index}-of-{shard.count}"):
            yield
    finally:
        for path in made:  # they go where nothing was begun
            with suppress(OSError):
                path.rmdir()


def _tasks(plan: BenchmarkPlan, shown: Sequence[str], shard: Shard | None = None) -> list[Task]:
    """The runs of a plan on these domains, or those of one shard."""
    tasks = plan.tasks(shown)
    return tasks if shard is None else tasks_of(shard, tasks)


def _unfinished(
    plan: BenchmarkPlan, tasks: Sequence[Task], lines: Sequence[Mapping[str, Any]]
) -> list[str]:
    """How many runs have no line yet, in a sentence; none where all are there."""
    there = {(line["method"], line.get("case", line["target"]), line["seed"]) for line in lines}
    done = sum(
        all((name, task.case, task.seed) in there for name in plan.read_off(task.method))
        for task in tasks
    )
    return [] if done == len(tasks) else [f"{done:,} of {count(len(tasks), 'run')} are finished."]


def jobs_for(n_runs: int, device: torch.device | str) -> int:
    """How many of `n_runs` go side by side on this machine; the log says why."""
    jobs, why = choose_jobs(n_runs, device)
    log.info("side by side: %s (%s)", count(jobs, "run"), why)
    return jobs
