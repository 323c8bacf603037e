"""`ldpf export`: a trained model for programs without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ldpf import workflows
from ldpf.cli.base import COMMANDS
from ldpf.cli.console import say, say_json
from ldpf.cli.data_options import OptionalData
from ldpf.cli.grouping import DATA_PANEL
from ldpf.cli.options import ModelOptions, OutputOptions
from ldpf.utils.text import count


@dataclass(frozen=True)
class MeasuredOn(OptionalData):
    """Labeled images to measure an exported file on."""

    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="PATH",
            help="Labeled images on which to compare the accuracy of the exported file with "
            "that of the model. Required for fp16 and int8, unless --unmeasured is given.",
            rich_help_panel=DATA_PANEL,
            show_default=False,
        ),
    ] = None


@COMMANDS.register("export", panel="With your images")
def export(
    *,
    model: ModelOptions,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="The file to write; its name ends in .onnx.", show_default=False
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            metavar="PART",
            help="onnx: from image pixels to answers. features: only the small part after the "
            "image encoder, if you already have its features.",
        ),
    ] = "onnx",
    precision: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="fp32, fp16 or int8. The last two are smaller and less exact.",
        ),
    ] = "fp32",
    data: MeasuredOn,
    unmeasured: Annotated[
        bool,
        typer.Option(
            "--unmeasured",
            help="Write fp16 or int8 without measuring the change in accuracy.",
        ),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace FILE if it was exported from another model or with other options.",
        ),
    ] = False,
    output: OutputOptions,
) -> None:
    """Write a trained model as an ONNX file.

    Writes one graph with the outputs `probabilities` and `domain_weights`. Its
    output is compared with PyTorch first. Classes and preprocessing are in a
    JSON file next to it and in the metadata of the graph.

    \b
    Examples:
      ldpf export my-model --out my-model.onnx
      ldpf export my-model --out small.onnx --precision int8 --data photos
    """
    result = workflows.export(
        model.model,
        out,
        part=to,
        precision=precision,
        data=data.optional_source(),
        unmeasured=unmeasured,
        overwrite=overwrite,
        backbone=model.backbone,
    )
    if output.as_json:
        say_json(result.to_json())
        return
    written = result.written
    say(f"Model: {written.path} ({written.mebibytes:.1f} MiB), described in {written.description}")
    say(
        f"Largest difference to PyTorch on random inputs: {written.difference:.1g} "
        "(a probability is at most 1)."
    )
    if (measured := result.measured) is not None:
        say(
            f"Accuracy on {count(measured.n_test, 'image')}: {measured.accuracy:.1%}, before "
            f"{measured.accuracy_before:.1%} ({measured.change:+.1%}); the same answer for "
            f"{measured.agreement:.1%} of the images."
        )
    elif precision != "fp32":
        say("What that does to its accuracy was not measured.")
