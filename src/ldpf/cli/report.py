"""`ldpf report`: one HTML file that shows what was trained, how good it is and where it fails."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ldpf import workflows
from ldpf.cli.base import COMMANDS
from ldpf.cli.console import say, say_json
from ldpf.cli.data_options import OptionalData
from ldpf.cli.grouping import DATA_PANEL, MODEL_PANEL, RUN_PANEL
from ldpf.cli.options import Device, ModelBackbone, OutputOptions
from ldpf.workflows.folders import is_benchmark


@dataclass(frozen=True)
class ReportedImages(OptionalData):
    """Labeled images that a report shows and measures on."""

    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="PATH",
            help="Labeled images. For a benchmark: the same images, for the pictures. For a "
            "model: any images of its classes, preferably not its training images.",
            rich_help_panel=DATA_PANEL,
            show_default=False,
        ),
    ] = None


@COMMANDS.register("report", panel="With your images")
def report(
    *,
    results: Annotated[
        Path,
        typer.Argument(
            metavar="RESULTS-OR-MODEL",
            help="A folder written by 'ldpf benchmark', the folder of one of its runs, or a "
            "model folder made by 'ldpf train'.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="The HTML file to write.", rich_help_panel=RUN_PANEL),
    ] = Path("report.html"),
    data: ReportedImages,
    method: Annotated[
        str | None,
        typer.Option(
            help="For a benchmark: the method to describe. Default: ldpf.",
            rich_help_panel=MODEL_PANEL,
            show_default=False,
        ),
    ] = None,
    beside: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL",
            help="For a model: another one to compare with, such as one of CoOp that was "
            "trained on the same images (ldpf train --method coop).",
            rich_help_panel=MODEL_PANEL,
            show_default=False,
        ),
    ] = None,
    backbone: ModelBackbone = None,
    device: Device = "auto",
    output: OutputOptions,
) -> None:
    """Write a report as one HTML file, to read, print or send.

    The report shows what was trained on what, accuracy with intervals, confused
    classes, typical images, suggested names and weights of the latent domains,
    the images that were classified wrongly, calibration, and what the
    measurements mean. The file needs no network and no other file.

    \b
    Examples:
      ldpf report my-model --data labeled-new-photos
      ldpf benchmark --data photos --methods coop,ldpf --seeds 3 --out results
      ldpf report results --data photos --out benchmark.html
    """
    is_benchmark(results)  # refused before anything heavy is imported
    result = workflows.report(
        results,
        out,
        data=data.optional_source(),
        method=method,
        beside=beside,
        backbone=backbone,
        device=device,
    )
    if output.as_json:
        say_json(result.to_json())
        return
    for sentence in result.summary:
        say(sentence)
    say(f"Written: {out} ({result.size / 1e6:.1f} MB)")
