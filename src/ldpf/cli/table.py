"""`ldpf table`: finished results for the terminal, a README, a paper or a spreadsheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ldpf import workflows
from ldpf.cli.base import COMMANDS
from ldpf.cli.choices import listed
from ldpf.cli.console import note, say, say_json, show
from ldpf.cli.options import Json
from ldpf.cli.streams import utf8_stdout
from ldpf.errors import SettingsError
from ldpf.utils.files import write_text
from ldpf.utils.locks import locked_file
from ldpf.utils.paths import missing_path_error, named_folder
from ldpf.utils.writable import check_apart, check_file

FORMATS = ("terminal", "markdown", "latex", "csv")


@COMMANDS.register("table", panel="Comparing methods")
def table(
    *,
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULTS",
            help="Folders written by 'ldpf benchmark', or their results.jsonl. NAME=FOLDER "
            "adds NAME to the methods of this folder, to tell folders with other settings "
            "apart.",
            show_default=False,
        ),
    ],
    style: Annotated[
        str, typer.Option("--format", help="terminal, markdown, latex (booktabs) or csv.")
    ] = "terminal",
    against: Annotated[
        str | None,
        typer.Option(
            metavar="METHOD",
            help="Compare every method with this one, image by image, and show the interval of "
            "the difference.",
        ),
    ] = None,
    methods: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Methods to show, in this order.")
    ] = None,
    targets: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Domains to show, in this order.")
    ] = None,
    published: Annotated[
        bool,
        typer.Option(
            help="Show published numbers next to yours, if data, backbone and protocol match."
        ),
    ] = True,
    expect: Annotated[
        str | None,
        typer.Option(
            metavar="published",
            help="Mark each cell with a published number: inside or outside the spread of your "
            "seeds (mean ± standard deviation).",
            show_default=False,
        ),
    ] = None,
    costs: Annotated[
        bool, typer.Option("--costs", help="Also show the time, text passes and memory of a run.")
    ] = False,
    calibration: Annotated[
        bool,
        typer.Option(
            "--calibration",
            help="Also show the expected calibration error on the targets, before and after "
            "applying the temperature from latent domains left out. (--json always "
            "includes it.)",
        ),
    ] = False,
    alignment: Annotated[
        float | None,
        typer.Option(
            metavar="COSINE",
            help="Report two accuracies: for images whose cosine with the text of their own "
            "class is at least COSINE, and for the images below it, which the backbone "
            "knows less well. 0.21 is usual with CLIP.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write to this file instead of the terminal."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the results of 'ldpf benchmark' as a table.

    Results of several folders are combined. Results with different data,
    backbones or recipes are shown in separate tables. Nothing is trained.

    \b
    Examples:
      ldpf benchmark --data photos --methods coop,ldpf --seeds 3 --out results
      ldpf table results --against coop
      ldpf benchmark --data photos --methods ldpf --n-domains 2 --seeds 3 --out two
      ldpf table results "two domains=two" --against ldpf
      ldpf table results --format latex --out table.tex
      ldpf table results --expect published
      ldpf table results --alignment 0.21
    """
    if style not in FORMATS:
        raise SettingsError(f"format is {style!r}; choose from {', '.join(FORMATS)}.")
    folders = [named_folder(given)[1] for given in results]
    for path in folders:
        if not path.exists():
            raise missing_path_error(path)
    if out is not None:
        out = check_file(out)
        check_apart(out, folders)
    tables = workflows.tabulate(
        results,
        methods=None if methods is None else listed(methods),
        targets=None if targets is None else listed(targets),
        against=against,
        published=published,
        costs=costs,
        calibration=calibration,
        expect=expect,
        alignment=alignment,
    )
    if as_json:
        say_json([item.to_json() for item in tables])
        return
    if style == "terminal" and out is None:
        for item in tables:
            show(item.to_rich())
            for line in item.notes():
                say(line)
        return
    text = workflows.table_text(tables, "markdown" if style == "terminal" else style)
    if out is None:
        utf8_stdout()
        say(text.rstrip("\n"))
        return
    with locked_file(out):
        write_text(out, text)
    note(f"Written: {out}")
