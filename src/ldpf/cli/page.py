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
            help="Labeled images (as for train). The page shows typical images of each latent "
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
            help="Address of the server. The default can be reached only from this machine; "
            "0.0.0.0 from everywhere, without a password.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            help="Port of the server. Default: the first free one starting at 7860.",
            rich_help_panel=RUN_PANEL,
            show_default=False,
        ),
    ] = None,
    share: Annotated[
        bool,
        typer.Option(
            "--share",
            help="Also make a public link through the relay of gradio. Everyone who has the "
            "link can use the page.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Add a button to the page that saves the model with its changed classes in "
            "FOLDER, like 'ldpf classes'.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Let the button replace another model in FOLDER.")
    ] = False,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Try a trained model in the browser.

    Drop images to see their classes, the weight of every latent domain, and the
    answer of the pretrained model without training. Add or rename classes by
    typing. Images stay on this machine and are removed when the page is closed
    with Ctrl-C.

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
