"""The command line: each command parses its options, calls `ldpf.workflows` and prints."""

from __future__ import annotations

import warnings
from typing import Annotated

import typer

from ldpf.cli.group import CONTEXT, CommandLine
from ldpf.cli.streams import begin_command, prepare_streams
from ldpf.version import __version__

__all__ = ["app", "main"]

_EPILOG = (
    "Exit codes: 0 everything is done; 1 finished, but something failed (a run of benchmark, or "
    "files that predict could not read), or diagnose found something serious; 2 the input or an "
    "option cannot be used; 130 stopped with Ctrl-C; 141 the program that read the output closed "
    "it (such as head); 143 stopped by SIGTERM."
)

app = typer.Typer(
    name="ldpf",
    cls=CommandLine,
    epilog=_EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    # A plain traceback is what people can search for and paste into a report.
    pretty_exceptions_enable=False,
    context_settings=CONTEXT,
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
    """Train image classifiers that work at sites they were not trained on.

    You have labeled photos from several cameras, places or styles, and nobody
    recorded which photo came from which. ldpf finds these groups ("latent
    domains") by itself, adapts a pretrained image-and-text model to your
    classes, and classifies new images, also from sources it has never seen.
    Everything runs on a laptop, without a GPU.

    \b
    Try it without your own images:
      ldpf benchmark --seeds 1

    \b
    With your own images in folders such as photos/cat/001.jpg:
      ldpf train photos --out my-model
      ldpf predict my-model new-photos
    """


def main() -> None:
    """Entry point of the `ldpf` command."""
    prepare_streams()
    begin_command()
    # Pillow's words for what `ldpf.data.images` refuses with a sentence of its own.
    warnings.filterwarnings("ignore", message="Image size .* could be decompression bomb")
    app()
