"""`ldpf classes`: a trained model for other class names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ldpf import workflows
from ldpf.cli.base import COMMANDS
from ldpf.cli.console import say, say_json
from ldpf.cli.options import Device, ModelOptions, OutputOptions, typed_command
from ldpf.errors import SettingsError
from ldpf.methods.overrides import split_setting
from ldpf.utils.text import count, some


@COMMANDS.register("classes", panel="With your images")
def classes(
    context: typer.Context,
    *,
    model: ModelOptions,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder for the new model.", show_default=False)
    ],
    add: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="An additional class; it needs no images. Repeatable.",
            show_default=False,
        ),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OLD=NEW",
            help="A new name for an existing class. Repeatable.",
            show_default=False,
        ),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A class to remove from the new model. Repeatable.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace another model in the folder given with --out."),
    ] = False,
    device: Device = "auto",
    output: OutputOptions,
) -> None:
    """Add, rename or remove classes of a trained model, without training.

    The learned prompts are combined with the new names. MODEL does not change;
    the new model is used like any other. The command says what is known about
    the accuracy with the new names. Measure it on labeled images.

    \b
    Examples:
      ldpf classes my-model --add bicycle --out my-model-2
      ldpf classes my-model --rename cat="domestic cat" --out my-model-3
    """
    pairs = [split_setting(text, "cat=tabby") for text in rename or ()]
    renamed = dict(pairs)
    if len(renamed) < len(pairs):
        old = next(name for name, _ in pairs if [n for n, _ in pairs].count(name) > 1)
        raise SettingsError(f"The class {old!r} is to be renamed twice; give one new name.")
    result = workflows.change_classes(
        model.model,
        out,
        add=add or (),
        rename=renamed,
        remove=remove or (),
        backbone=model.backbone,
        device=device,
        overwrite=overwrite,
        command=typed_command(context),
    )
    if output.as_json:
        say_json(result.to_json())
        return
    say(f"Model: {result.model}")
    say(f"Classes: {count(len(result.class_names), 'class', 'classes')}")
    if result.added:
        say(f"Added: {some(result.added)}")
    for old, new in result.renamed.items():
        say(f"Renamed: {old} is now {new}")
    if result.removed:
        say(f"Removed: {some(result.removed)}")
    say(result.worth)
