"""`ldpf benchmark`: methods compared on domains they have never seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ldpf import workflows
from ldpf.cli.base import COMMANDS
from ldpf.cli.choices import choice_of, choices_help, listed, named_help, optional_choice_of
from ldpf.cli.console import SOMETHING_FAILED, note, say, say_json, show
from ldpf.cli.data_options import DataOrDemo
from ldpf.cli.estimated import EstimateOption, print_estimate
from ldpf.cli.grouping import MODEL_PANEL, RUN_PANEL
from ldpf.cli.options import (
    BackboneOptions,
    FailOnLeaks,
    OutputOptions,
    Settings,
    ShardOption,
    Track,
    typed_command,
)
from ldpf.cli.training_options import (
    N_DOMAINS_METAVAR,
    N_DOMAINS_RULES,
    ComparisonOptions,
    number_or_rule,
)
from ldpf.experiments.engines.base import DEFAULT_ENGINE, ENGINES
from ldpf.experiments.protocol_presets.base import PROTOCOL_PRESETS
from ldpf.experiments.protocols.base import DEFAULT_PROTOCOL, PROTOCOLS
from ldpf.experiments.readouts import get_readout, readout_summaries
from ldpf.experiments.selection.base import DEFAULT_SELECTION, SELECTION_RULES
from ldpf.methods.overrides import parse_settings
from ldpf.utils.text import count
from ldpf.workflows.defaults import COMPARED

SUMMARIES = readout_summaries()


def _known_methods(methods: str) -> str:
    for name in listed(methods):
        get_readout(name)
    return methods


@COMMANDS.register("benchmark", panel="Comparing methods")
def benchmark(
    *,
    context: typer.Context,
    data: DataOrDemo,
    backbone: BackboneOptions,
    methods: Annotated[
        str,
        typer.Option(
            metavar="A,B,...",
            help=f"The methods to compare. {named_help(SUMMARIES)}",
            callback=_known_methods,
            rich_help_panel=MODEL_PANEL,
        ),
    ] = ",".join(COMPARED),
    n_domains: Annotated[
        str | None,
        typer.Option(
            metavar=N_DOMAINS_METAVAR,
            help=f"Number of latent domains for ldpf. Default: 3. {N_DOMAINS_RULES}",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None,
    settings: Settings = None,
    comparison: ComparisonOptions,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Which domains are used for training and which for testing. "
            f"{choices_help(PROTOCOLS)} Default: {DEFAULT_PROTOCOL}.",
            callback=optional_choice_of(PROTOCOLS),
            rich_help_panel=RUN_PANEL,
            show_default=False,
        ),
    ] = None,
    selection: Annotated[
        str | None,
        typer.Option(
            help="Which images choose checkpoints and settings. "
            f"{choices_help(SELECTION_RULES)} Default: {DEFAULT_SELECTION}.",
            callback=optional_choice_of(SELECTION_RULES),
            rich_help_panel=RUN_PANEL,
            show_default=False,
        ),
    ] = None,
    protocol_preset: Annotated[
        str | None,
        typer.Option(
            help="The protocol, selection rule and recipe of a paper, for results that can be "
            f"compared with its numbers. {choices_help(PROTOCOL_PRESETS)}",
            callback=optional_choice_of(PROTOCOL_PRESETS),
            rich_help_panel=RUN_PANEL,
            show_default=False,
        ),
    ] = None,
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=A,B,...",
            help="Choose a setting from several values or from a range (NAME=0.01..0.5, or "
            "NAME=log:1e-4..1e-2 with --trials). Test images are never used for the "
            "choice. Repeatable.",
            rich_help_panel=RUN_PANEL,
            show_default=False,
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            help="Number of combinations to try: the method's own settings first, then random "
            "ones. Default: every combination of --search.",
            rich_help_panel=RUN_PANEL,
            show_default=False,
        ),
    ] = None,
    share: Annotated[
        bool | None,
        typer.Option(
            "--share/--no-share",
            help="Whether runs that differ only in seed or target share their text passes. "
            "Sharing is faster with small text encoders and on a GPU; results are equal "
            "up to rounding. Default: on a GPU.",
            rich_help_panel=RUN_PANEL,
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="Folder for the results.", rich_help_panel=RUN_PANEL),
    ] = Path("results"),
    track: Track = None,
    fail_on_leaks: FailOnLeaks = False,
    shard: ShardOption = None,
    engine: Annotated[
        str,
        typer.Option(
            help=f"Where the runs are done. {choices_help(ENGINES)} With an engine, --jobs is "
            "the largest number of runs at the same time, and --out should be a folder "
            "that all machines share.",
            callback=choice_of(ENGINES),
            rich_help_panel=RUN_PANEL,
        ),
    ] = DEFAULT_ENGINE,
    gpus_per_run: Annotated[
        float | None,
        typer.Option(
            help="GPUs per run with --engine ray, such as 0.25 for four runs on one GPU.",
            rich_help_panel=RUN_PANEL,
            show_default=False,
        ),
    ] = None,
    estimate: EstimateOption = False,
    output: OutputOptions,
) -> None:
    """Compare methods on images from domains they have never seen.

    Needs images with known domains (DOMAIN/CLASS/IMAGE). Each domain is left
    out in turn: the methods learn from the others and are tested on it.
    Finished runs are kept in the output folder, so the same command resumes an
    interrupted comparison. Writes results.jsonl and table.md.

    \b
    Examples:
      ldpf benchmark --seeds 1
      ldpf benchmark photos --backbone openai/clip-vit-base-patch16 --seeds 5
      ldpf benchmark photos --methods coop,ldpf --seeds 1 --search tau=0.05,0.1
      ldpf benchmark photos --seeds 3 --methods zero-shot,coop --protocol-preset spg
      ldpf benchmark photos --shard 2/8
      ldpf benchmark photos --seeds 5 --estimate
    """
    options: dict[str, Any] = {
        "methods": listed(methods),
        "backbone": backbone.backbone,
        "n_domains": number_or_rule(n_domains),
        "recipe": comparison.recipe,
        "preset": comparison.preset,
        "settings": parse_settings(settings or ()),
        "seeds": comparison.seeds,
        "targets": comparison.chosen_targets,
        "protocol": protocol,
        "selection": selection,
        "protocol_preset": protocol_preset,
        "search": search or (),
        "trials": trials,
        "jobs": comparison.jobs,
        "shard": shard,
        "engine": engine,
        "gpus_per_run": gpus_per_run,
        "device": backbone.device,
    }
    if estimate:
        estimated = workflows.estimate_benchmark
        print_estimate(estimated, data.source(), out, as_json=output.as_json, **options)
        return
    result = workflows.benchmark(
        data.source(),
        out,
        **options,
        share=share,
        track=track,
        fail_on_leaks=fail_on_leaks,
        command=typed_command(context),
    )
    if output.as_json:
        say_json(result.to_json())
    else:
        show(result.table.to_rich())
        for line in result.table.notes():
            say(line)
    for failure in result.failures:
        note(f"Failed: {failure}", style="red")
    if result.failures:
        note(f"{count(len(result.failures), 'run')} failed; the same command tries them again.")
        raise typer.Exit(SOMETHING_FAILED)
