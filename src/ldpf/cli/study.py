"""`ldpf study`: questions about LDPF, each one command with a table and a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from ldpf import workflows
from ldpf.cli.base import COMMANDS
from ldpf.cli.choices import choice_of, choices_help, listed
from ldpf.cli.console import say, say_json, show
from ldpf.cli.data_options import DataOrDemo
from ldpf.cli.grouping import MODEL_PANEL, RUN_PANEL
from ldpf.cli.options import BackboneOptions, OutputOptions, typed_command
from ldpf.cli.training_options import ComparisonOptions
from ldpf.studies.base import STUDIES, takes_values


@COMMANDS.register("study", panel="Comparing methods")
def study(
    *,
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help=choices_help(STUDIES),
            callback=choice_of(STUDIES),
            show_default=False,
        ),
    ],
    data: DataOrDemo,
    backbone: BackboneOptions,
    values: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="The values to compare. "
            + "; ".join(f"{name}: {words}" for name, words in takes_values().items())
            + ".",
            rich_help_panel=MODEL_PANEL,
            show_default=False,
        ),
    ] = None,
    comparison: ComparisonOptions,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            help="Folder for tables and figures; each study gets a folder inside it.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = Path("studies"),
    runs: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of the runs, for instance those of a benchmark (RESULTS/runs). "
            "Finished runs in it are not repeated. Default: a folder in --out that all "
            "studies share.",
            rich_help_panel=RUN_PANEL,
            show_default=False,
        ),
    ] = None,
    output: OutputOptions,
) -> None:
    """Answer one question about LDPF with a table and a figure.

    Needs images with known domains; each domain is left out in turn. The same
    command resumes an interrupted study.

    \b
    Examples:
      ldpf study domains --seeds 1
      ldpf study n-domains photos --seeds 1 --values 1,2,3,4
    """
    result = workflows.study(
        name,
        data.source(),
        out,
        values=None if values is None else listed(values),
        backbone=backbone.backbone,
        recipe=comparison.recipe,
        preset=comparison.preset,
        seeds=comparison.seeds,
        targets=comparison.chosen_targets,
        jobs=comparison.jobs,
        runs=runs,
        device=backbone.device,
        command=typed_command(context),
    )
    if output.as_json:
        say_json(result.to_json())
        return
    say(result.result.title, style="bold")
    if result.table is not None:
        show(result.table.to_rich())
    if result.result.measured:
        show(_measured_table(result.result.measured))
    for sentence in result.caption if result.table is None else result.table.notes():
        say(sentence)
    say(f"Files: {', '.join(str(file) for file in result.files)}")


def _measured_table(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for key, value in rows[0].items():
        table.add_column(Text(key), justify="left" if isinstance(value, str) else "right")
    for row in rows:
        table.add_row(*(Text(_shown(value)) for value in row.values()))
    return table


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
