"""`ldpf benchmark`: methods compared on domains they have never seen."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ldpf.cli.base import COMMANDS
from ldpf.cli.console import SOMETHING_FAILED, note, say, say_json, show
from ldpf.cli.grouping import MODEL_PANEL, RUN_PANEL
from ldpf.cli.options import (
    BackboneOptions,
    ComparisonOptions,
    DataOrDemo,
    OutputOptions,
    Track,
    listed,
)
from ldpf.utils.files import check_own_folder, new_folder, write_text
from ldpf.utils.text import count

if TYPE_CHECKING:
    from ldpf.experiments.plan import BenchmarkPlan
    from ldpf.features.feature_set import FeatureSet
    from ldpf.report.tables.benchmark_table import BenchmarkTable

log = logging.getLogger("ldpf")

DEFAULT_METHODS = "zero-shot,zero-shot-ensemble,coop,ldpf,ldpf-uniform,ldpf-nearest,ldpf-oracle"


@COMMANDS.register("benchmark", panel="Comparing methods")
def benchmark(
    *,
    data: DataOrDemo,
    backbone: BackboneOptions,
    methods: Annotated[
        str,
        typer.Option(
            metavar="A,B,...",
            help="What to compare. zero-shot, zero-shot-ensemble: the ready-made model as it is. "
            "linear-probe, gda: image features without learnt prompts. coop, kgcoop: one learnt "
            "prompt. cocoop, dpl: a prompt for each image; dpl-batch: for a batch, with domain "
            "labels. ldpf: latent domains with a prompt each; ldpf-uniform, ldpf-nearest: the same "
            "prompts, weighed otherwise; ldpf-manual, ldpf-random: true domains, or a random "
            "split, in place of latent ones; ldpf-no-adversary, ldpf-sequential, ldpf-one-stage, "
            "ldpf-agnostic-only, ldpf-specific-only: ldpf with one thing changed; ldpf-oracle, "
            "random-oracle: upper bounds.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = DEFAULT_METHODS,
    n_domains: Annotated[
        int | None,
        typer.Option(
            help="How many latent domains ldpf looks for. Default: 3.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Another value for a setting, for every method that has it, such as tau=0.05, "
            "length=8 or recipe.learning_rate=0.01; a wrong name shows them all. Repeatable.",
            rich_help_panel=MODEL_PANEL,
            show_default=False,
        ),
    ] = None,
    comparison: ComparisonOptions,
    protocol: Annotated[
        str,
        typer.Option(
            help="leave-one-domain-out: train on the others. single-source: train on one, test on "
            "the others. in-distribution: train and test on images of all, for reference.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = "leave-one-domain-out",
    selection: Annotated[
        str,
        typer.Option(
            help="What checkpoints and settings are chosen on. training-domain-validation: held-"
            "out images of the training domains. leave-one-domain-out: settings also on training "
            "domains left out in turn. leave-one-latent-domain-out: the same with discovered "
            "domains. target-oracle: a fifth of the target, an upper bound.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = "training-domain-validation",
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=A,B,...",
            help="Choose a setting among values, or from a range (NAME=0.01..0.5, or "
            "NAME=log:1e-4..1e-2 with --trials), never by the test. Repeatable.",
            rich_help_panel=RUN_PANEL,
            show_default=False,
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            help="Combinations to try: a method's own settings, then others at random. Default: "
            "every combination of --search.",
            rich_help_panel=RUN_PANEL,
            show_default=False,
        ),
    ] = None,
    share: Annotated[
        bool | None,
        typer.Option(
            "--share/--no-share",
            help="Does nothing; kept so that older commands still run.",
            rich_help_panel=RUN_PANEL,
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="Where results go.", rich_help_panel=RUN_PANEL),
    ] = Path("results"),
    track: Track = None,
    output: OutputOptions,
) -> None:
    """Compare methods on images from domains they have never seen.

    Needs images whose domains are known (DOMAIN/CLASS/IMAGE). Each domain is
    left out in turn: methods learn from the others and are measured on it.
    Finished runs are kept in the output folder, so an interrupted comparison
    goes on where it stopped. Writes results.jsonl and table.md.

    \b
    Examples:
      ldpf benchmark --seeds 1
      ldpf benchmark photos --backbone openai/clip-vit-base-patch16 --seeds 5
      ldpf benchmark photos --methods coop,ldpf --seeds 1 --search tau=0.05,0.1
    """
    targets, jobs = comparison.targets, comparison.jobs
    from ldpf.backbones import load_backbone
    from ldpf.backbones.load import pick_device
    from ldpf.data import require_trainable
    from ldpf.experiments.plan import BenchmarkPlan
    from ldpf.experiments.pool import choose_jobs
    from ldpf.experiments.results import write_results
    from ldpf.experiments.runner import run_benchmark
    from ldpf.experiments.search import parse_search
    from ldpf.methods import METHODS
    from ldpf.methods.overrides import parse_settings
    from ldpf.models.summary import chosen_words
    from ldpf.training.callbacks import Tracker
    from ldpf.training.recipe import get_recipe
    from ldpf.workflows.inputs import list_images

    plan = BenchmarkPlan(
        methods=listed(methods),
        recipe=get_recipe(comparison.recipe),
        targets=None if targets is None else listed(targets),
        seeds=comparison.seeds,
        n_domains=n_domains,
        settings=parse_settings(settings or ()),
        protocol=protocol,
        selection=selection,
        search=parse_search(search or (), trials),
    )
    check_own_folder(out, ("runs", "results.jsonl"), "benchmark results")
    if track is not None:
        Tracker(track)  # refused here rather than after the first run
    images = list_images(data.source())
    dataset = images.dataset
    # These need no features, so nobody waits for an encoding in vain.
    rules = plan.rules
    rules.check(dataset, plan.targets or ())
    require_trainable(dataset)
    new_folder(out)
    chosen = list(plan.targets or dataset.domain_names)
    if share:
        note("--share does nothing any more: each run takes its own text passes.")
    if jobs is None:
        learning = [name for name in plan.trained if METHODS[name]().learns]
        n_runs = len(learning) * len(rules.cases(chosen)) * plan.seeds
        jobs, why = choose_jobs(n_runs, pick_device(backbone.device))
        log.info("side by side: %s (%s)", count(jobs, "run"), why)
    frozen = load_backbone(backbone.backbone, backbone.device)
    features = images.encode(frozen).features

    with _Progress(plan, dataset.domain_names, out / "runs", track) as progress:
        lines, failures = run_benchmark(
            features,
            dataset.name,
            frozen,
            plan,
            out,
            jobs=jobs,
            on_run=progress.finished,
        )
    write_results(out / "results.jsonl", lines)
    caption = [
        *_caption(dataset.name, backbone.backbone, features, plan, out),
        *chosen_words(lines),
    ]
    table = _table(lines, plan.methods, rules.columns(chosen), caption)
    write_text(out / "table.md", table.to_markdown())
    if output.as_json:
        say_json({"results": lines, "table": table.to_json(), "failures": failures})
    else:
        show(table.to_rich())
        for line in table.notes():
            say(line)
    for failure in failures:
        note(f"Failed: {failure}", style="red")
    if failures:
        note(f"{count(len(failures), 'run')} failed; the same command tries them again.")
        raise typer.Exit(SOMETHING_FAILED)


class _Progress:
    """A line per finished run, and a bar over all of them, on stderr; and their curves."""

    def __init__(
        self, plan: BenchmarkPlan, domain_names: Sequence[str], runs: Path, track: Path | None
    ) -> None:
        from ldpf.utils.progress import progress_bar

        self.runs, self.track = runs, track
        self.enabled = log.isEnabledFor(logging.INFO)
        tasks = plan.tasks(domain_names)
        rules = self.rules = plan.rules
        self.width = max(len(name) for name in plan.trained)
        self.case_width = max(len(rules.case_words(task.case)) for task in tasks)
        total = len(tasks)
        self.bar = progress_bar("runs", total, enabled=self.enabled)

    def __enter__(self) -> _Progress:
        self.advance = self.bar.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self.bar.__exit__(*exception)

    def finished(self, line: dict[str, Any], before: bool) -> None:
        """Report one run by its first result line."""
        if self.enabled:
            took = "done before" if before else f"{line['seconds']:.1f} s"
            case = self.rules.case_words(line.get("case", line["target"]))
            note(
                f"{line['method']:<{self.width}}  {case:<{self.case_width}}  "
                f"seed {line['seed']}  accuracy {line['accuracy']:6.1%}  {took}"
            )
        self.advance(1)
        if self.track is not None:
            self._track(line, self.track)

    def _track(self, line: dict[str, Any], folder: Path) -> None:
        """Curves of a run that is over; one that has them already keeps them."""
        from ldpf.training.callbacks import Tracker, track_log

        place = (
            folder
            / line["method"]
            / f"{line.get('case', line['target'])}-seed-{line['seed']}-{line['run'][:8]}"
        )
        if place.exists():
            return
        tracker = Tracker(place)
        track_log(self.runs / line["run"] / "metrics.jsonl", tracker)
        tracker.add_target_accuracy(line["accuracy"])
        tracker.close()


def _table(
    lines: list[dict[str, Any]], methods: Sequence[str], targets: Sequence[str], caption: list[str]
) -> BenchmarkTable:
    from ldpf.report.tables.benchmark_table import BenchmarkTable

    return BenchmarkTable.from_results(lines, methods, targets, caption)


def _caption(
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
