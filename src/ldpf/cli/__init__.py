"""The command line. Commands are typed functions; their docstrings are their help."""

from __future__ import annotations

import warnings
from typing import Annotated

import typer

from ldpf.cli import (
    app as page,
)
from ldpf.cli import (
    benchmark,
    datasets,
    domains,
    evaluate,
    export,
    features,
    info,
    predict,
    report,
    study,
    table,
    train,
)
from ldpf.cli.common import CommandGroup
from ldpf.version import __version__

__all__ = ["app", "main"]

_EPILOG = (
    "Exit codes: 0 everything is done; 1 finished, but something failed (a run of benchmark, or "
    "files that predict could not read); 2 the input or an option cannot be used; 130 stopped "
    "with Ctrl-C; 141 the program that read the output closed it (such as head)."
)

app = typer.Typer(
    name="ldpf",
    cls=CommandGroup,
    epilog=_EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    # A plain traceback is what people can search for and paste into a report.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ldpf {__version__}")
        raise typer.Exit()


@app.callback()
def start(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """Image classifiers that hold at the next site, learnt without knowing the sites.

    You have labelled photos from several cameras, places or styles, and nobody
    wrote down which is which. ldpf finds these groups by itself ("latent
    domains"), adapts a ready-made image-and-text model to your classes, and
    classifies new images, also from sources it has never seen. Everything runs
    on a laptop, without a GPU.

    \b
    Try it, without any images of your own:
      ldpf benchmark --data demo --seeds 1

    \b
    With your own images in folders such as photos/cat/001.jpg:
      ldpf train --data photos --out my-model
      ldpf predict my-model new-photos
    """


_NEEDS_ARGUMENTS = (
    evaluate.evaluate,
    predict.predict,
    info.info,
    table.table,
    export.export,
    study.study,
    report.report,
)

for _command in (
    benchmark.benchmark,
    table.table,
    study.study,
    report.report,
    train.train,
    evaluate.evaluate,
    predict.predict,
    domains.domains,
    features.features,
    info.info,
    export.export,
):
    app.command(no_args_is_help=_command in _NEEDS_ARGUMENTS)(_command)
app.command("app", no_args_is_help=True)(page.page)
app.add_typer(datasets.app, name="datasets")


def main() -> None:
    """Entry point of the `ldpf` command."""
    # Pillow's words for what `ldpf.data.images` refuses with a sentence of its own.
    warnings.filterwarnings("ignore", message="Image size .* could be decompression bomb")
    app()
