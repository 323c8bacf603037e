"""`ldpf study`: questions about LDPF, each one command with a table and a figure."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ldpf.cli.base import COMMANDS
from ldpf.cli.console import say, say_json, show
from ldpf.cli.grouping import MODEL_PANEL, RUN_PANEL
from ldpf.cli.options import (
    BackboneOptions,
    ComparisonOptions,
    DataOrDemo,
    OutputOptions,
    choice_of,
    choices_help,
    listed,
)
from ldpf.studies.base import STUDIES, make_study, takes_values
from ldpf.utils.files import new_folder, write_text
from ldpf.utils.text import count

if TYPE_CHECKING:
    from rich.table import Table

    from ldpf.report.tables.benchmark_table import BenchmarkTable
    from ldpf.studies import StudyResult

log = logging.getLogger("ldpf")


@COMMANDS.register("study", panel="Comparing methods")
def study(
    *,
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
            help="What to try. "
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
            help="Where tables and figures go, in a folder named after the study.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = Path("studies"),
    runs: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where the runs are kept, for instance those of a benchmark (RESULTS/runs): what "
            "is done there is not done again. Default: a folder in --out that all studies share.",
            rich_help_panel=RUN_PANEL,
            show_default=False,
        ),
    ] = None,
    output: OutputOptions,
) -> None:
    """Answer one question about LDPF with a table and a figure.

    Needs images whose domains are known; each is left out in turn. An
    interrupted study resumes.

    \b
    Examples:
      ldpf study domains --seeds 1
      ldpf study n-domains photos --seeds 1 --values 1,2,3,4
    """
    recipe, seeds = comparison.recipe, comparison.seeds
    targets, jobs = comparison.targets, comparison.jobs
    from ldpf.backbones import load_backbone
    from ldpf.backbones.load import pick_device
    from ldpf.data import require_trainable
    from ldpf.experiments.pool import choose_jobs
    from ldpf.experiments.protocols import get_protocol
    from ldpf.studies.bench import Bench, write_rows
    from ldpf.training.recipe import get_recipe
    from ldpf.workflows.inputs import list_images

    question = make_study(name, None if values is None else listed(values))
    images = list_images(data.source())
    dataset = images.dataset
    chosen = listed(targets) if targets else []
    get_protocol().check(dataset, chosen)
    require_trainable(dataset)
    folder = out / name
    new_folder(folder)
    chosen = chosen or list(dataset.domain_names)
    if jobs is None:
        jobs, why = choose_jobs(len(chosen) * seeds, pick_device(backbone.device))
        log.info("side by side: %s (%s)", count(jobs, "run"), why)
    frozen = load_backbone(backbone.backbone, backbone.device)
    features = images.encode(frozen).features
    bench = Bench(
        data=features,
        dataset_name=dataset.name,
        backbone=frozen,
        recipe=get_recipe(recipe),
        targets=chosen,
        seeds=seeds,
        out=folder,
        runs=runs or out / "runs",
        jobs=jobs,
        on_run=_finished,
        root=dataset.root,
    )
    found = question.run(bench)
    files = _write(found, folder, write_rows)
    caption = [
        f"Data {dataset.name}, backbone {backbone.backbone}, {count(seeds, 'seed')}, "
        f"recipe {recipe}.",
        found.reading,
    ]
    table = _table(found, chosen, caption)
    if table is not None:
        write_text(folder / "table.md", table.to_markdown())
        files.append(folder / "table.md")
    if output.as_json:
        say_json(
            {
                "study": name,
                "table": None if table is None else table.to_json(),
                "measured": found.measured,
                "reading": found.reading,
                "files": [str(file) for file in files],
            }
        )
        return
    say(found.title, style="bold")
    if table is not None:
        show(table.to_rich())
    if found.measured:
        show(_measured_table(found.measured))
    for sentence in table.notes() if table is not None else caption:
        say(sentence)
    say(f"Files: {', '.join(str(file) for file in files)}")


def _finished(line: dict[str, Any], before: bool) -> None:
    if not before:
        log.info(
            "%s, target %s, seed %s: accuracy %.1f%%, %.1f s",
            line["method"],
            line["target"],
            line["seed"],
            100 * line["accuracy"],
            line["seconds"],
        )


def _write(found: StudyResult, folder: Path, write_rows: Any) -> list[Path]:
    from ldpf.experiments.results import write_results

    files = []
    for file_name, figure in found.figures.items():
        figure.savefig(folder / file_name, dpi=130, bbox_inches="tight")
        files.append(folder / file_name)
    files += sorted(folder.glob("sheet-*.png"))
    if found.lines:  # each of the study's plans wrote its own lines there; these are all of them
        write_results(folder / "results.jsonl", found.lines)
    accuracies = [
        {"variant": line["method"], **{k: line[k] for k in ("target", "seed", "accuracy")}}
        for line in found.lines
    ]
    for file_name, rows in (("accuracy.csv", accuracies), ("measured.csv", found.measured)):
        if rows:
            write_rows(folder / file_name, rows)
            files.append(folder / file_name)
    return files


def _table(found: StudyResult, targets: Sequence[str], caption: list[str]) -> BenchmarkTable | None:
    from ldpf.report.tables.benchmark_table import BenchmarkTable

    if not found.lines:
        return None
    return BenchmarkTable.from_results(found.lines, found.variants, targets, caption)


def _measured_table(rows: Sequence[dict[str, Any]]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

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
