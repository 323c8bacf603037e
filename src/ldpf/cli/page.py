"""`ldpf app`: a page in the browser for a trained model. (`ldpf.cli.app` is the command line.)"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Annotated

import typer

from ldpf.cli.base import COMMANDS
from ldpf.cli.console import say
from ldpf.cli.grouping import DATA_PANEL, RUN_PANEL
from ldpf.cli.options import Device, ModelOptions, OptionalData, Quiet
from ldpf.errors import SettingsError
from ldpf.workflows.inputs import encode, load_trained

log = logging.getLogger("ldpf")

LOCAL = ("127.0.0.1", "localhost", "::1")
"""Hosts that only this machine reaches."""


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
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Try a trained model in the browser.

    Drop images and see their classes, the weight of every latent domain, and
    what the ready-made model would have said; add or rename classes by typing.
    Images stay on this machine. Ctrl-C ends it.

    \b
    Examples:
      ldpf app my-model
      ldpf app my-model --data photos
    """
    from ldpf.app import page as ui
    from ldpf.app.gallery import make_gallery
    from ldpf.app.session import Session

    if port is not None and not 1 <= port <= 65535:
        raise SettingsError(f"port={port} should be between 1 and 65535.")
    classifier, frozen, _ = load_trained(model.model, model.backbone, device)
    session, gallery = Session(classifier, frozen), None
    if (source := data.optional_source()) is not None:
        dataset = source.load()
        features = encode(dataset, frozen, source).features
        gallery = make_gallery(dataset, features, classifier.latent)
    if share:
        log.warning(
            "--share makes a link through gradio's relay: everybody who has it can use the page, "
            "and images dropped there pass through that relay"
        )
    elif host not in LOCAL:
        log.warning(
            "the page on %s is open to everybody who can reach it, without a password", host
        )
    blocks = ui.build_page(session, gallery, model.model.resolve().name)
    address = ui.serve(blocks, host=host, port=port, share=share)
    say(f"Open {address}")
    if share and blocks.share_url:
        say(f"Public: {blocks.share_url}")
    log.info("Ctrl-C ends it.")
    blocks.block_thread()
