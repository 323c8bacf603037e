"""`ldpf app`: a page in the browser for a trained model.

The file is not called app.py, because `ldpf.cli.app` is the command line itself.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ldpf import workflows
from ldpf.cli.base import COMMANDS
from ldpf.cli.console import say
from ldpf.cli.data_options import OptionalData
from ldpf.cli.grouping import DATA_PANEL, RUN_PANEL
from ldpf.cli.options import Device, ModelOptions, Quiet

log = logging.getLogger("ldpf")


@dataclass(frozen=True)
class ShownImages(OptionalData):
    """Labeled images that the page shows."""

    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="PATH",
            help="Labeled images (as for train): the page shows typical ones of each latent "
            "domain, and some to try.",
            rich_help_panel=DATA_PANEL,
            show_default=False,
        ),
    ] = None


@COMMANDS.register("app", panel="With your images")
def page(
    *,
    model: ModelOptions,
    data: ShownImages,
    host: Annotated[
        str,
        typer.Option(
            help="Address to serve on. The default is reachable from this machine only; 0.0.0.0 "
            "from everywhere, without a password.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            help="Default: the first free one from 7860 on.",
            rich_help_panel=RUN_PANEL,
            show_default=False,
        ),
    ] = None,
    share: Annotated[
        bool,
        typer.Option(
            "--share",
            help="Also make a public link through gradio's relay: everybody who has it can use "
            "the page.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="A button on the page keeps the model with the classes as they were changed there "
            "in FOLDER, as 'ldpf classes' does.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="The button replaces another model in FOLDER.")
    ] = False,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Try a trained model in the browser.

    Drop images and see their classes, the weight of every latent domain, and
    what the ready-made model would have said; add or rename classes by typing.
    Images stay on this machine and are removed when the page ends. Ctrl-C ends it.

    \b
    Examples:
      ldpf app my-model
      ldpf app my-model --data photos
      ldpf app my-model --out my-model-2
    """
    served = workflows.serve(
        model.model,
        data=data.optional_source(),
        host=host,
        port=port,
        share=share,
        out=out,
        overwrite=overwrite,
        backbone=model.backbone,
        device=device,
    )
    say(f"Open {served.address}")
    if served.public is not None:
        say(f"Public: {served.public}")
    log.info("Ctrl-C ends it.")
    served.wait()
