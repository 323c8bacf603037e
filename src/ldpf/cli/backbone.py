"""`ldpf backbone`: checkpoints of image-text models made ready for use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ldpf import workflows
from ldpf.cli.base import COMMANDS
from ldpf.cli.console import note, say, say_json
from ldpf.cli.options import OutputOptions
from ldpf.utils.text import count


@COMMANDS.register("backbone", panel="With your images")
def backbone() -> None:
    """Prepare the checkpoint of an image-text model for --backbone."""


@COMMANDS.register("backbone convert")
def convert(
    *,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A PyTorch checkpoint: .bin, .pt or .pth.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="Folder for the backbone; or a file ending in .safetensors, to write only the "
            "weights.",
            show_default=False,
        ),
    ],
    tokenizer: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Folder or hub id from which to copy the tokenizer, if there is none next to "
            "FILE.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the weights that are already in OUT.")
    ] = False,
    output: OutputOptions,
) -> None:
    """Write the weights of a pickled checkpoint as safetensors.

    FILE is read as data only. A pickle that would call a function is refused, so
    no code in it is run. This is also true for OpenAI's own TorchScript archives
    (ViT-B-16.pt); their configuration is derived from the weights.

    \b
    Examples:
      ldpf backbone convert open_clip_pytorch_model.bin my-backbone
      ldpf backbone convert ViT-B-16.pt vit-b-16 --tokenizer openai/clip-vit-base-patch16
    """
    result = workflows.convert_backbone(file, out, tokenizer=tokenizer, overwrite=overwrite)
    if output.as_json:
        say_json(result.to_json())
        return
    say(f"Weights: {result.weights} ({count(result.tensors, 'tensor')})")
    if result.other_files:
        say(f"Next to them: {', '.join(result.other_files)}")
    if result.problem is not None:
        note(f"It cannot be used as it is: {result.problem}", style="yellow")
    elif result.weights.parent == out:
        say(f"Use it with --backbone {out}")
