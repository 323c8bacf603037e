"""Options that several commands share besides those of images, declared once."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ldpf.backbones.default import DEFAULT_BACKBONE, DEMO_BACKBONE
from ldpf.cli.grouping import DATA_PANEL, MODEL_PANEL, RUN_PANEL
from ldpf.models.folder import require_model_folder

log = logging.getLogger("ldpf")

BACKBONE_HELP = (
    "The pretrained image-and-text model: a name on the Hugging Face hub, a folder "
    "with a checkpoint of CLIP, OpenCLIP, MetaCLIP 2 or SigLIP, or nano (comes with ldpf, "
    "knows drawings only)."
)

Device = Annotated[
    str,
    typer.Option(
        "--device",
        help="Where to compute: auto (a CUDA GPU if there is one), cpu or cuda.",
        rich_help_panel=RUN_PANEL,
    ),
]
ModelBackbone = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        metavar="NAME",
        help="The image-and-text model that MODEL was trained with. Default: its place "
        "during training.",
        rich_help_panel=MODEL_PANEL,
    ),
]


@dataclass(frozen=True)
class BackboneOptions:
    """The frozen model to build on, and where it computes."""

    backbone: Annotated[
        str | None,
        typer.Option(
            "--backbone",
            metavar="NAME",
            help=f"{BACKBONE_HELP} Default: {DEFAULT_BACKBONE}, downloaded once (600 MB); "
            f"{DEMO_BACKBONE} for demo.",
            rich_help_panel=MODEL_PANEL,
            show_default=False,
        ),
    ] = None
    device: Device = "auto"


@dataclass(frozen=True)
class ModelOptions:
    """A trained model, and where its backbone lies."""

    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="A model folder made by 'ldpf train'.", show_default=False
        ),
    ]
    backbone: ModelBackbone = None

    def check(self) -> None:
        """Raise ModelError if it is no model folder."""
        require_model_folder(self.model)


def _set_quiet(quiet: bool) -> bool:
    if quiet:
        log.setLevel(logging.WARNING)
    return quiet


Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Print only warnings and errors on stderr.",
        callback=_set_quiet,
        rich_help_panel=RUN_PANEL,
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one JSON document on stdout instead of tables.",
        rich_help_panel=RUN_PANEL,
    ),
]


@dataclass(frozen=True)
class OutputOptions:
    """How much is printed, and as what."""

    quiet: Quiet = False
    as_json: Json = False


Track = Annotated[
    Path | None,
    typer.Option(
        "--track",
        metavar="FOLDER",
        help="Also write training curves to this folder, for 'tensorboard --logdir "
        "FOLDER'. Needs pip install 'ldpf\\[track]'.",
        rich_help_panel=RUN_PANEL,
        show_default=False,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Change a setting of every method that has it, such as tau=0.05, length=8 or "
        "recipe.learning_rate=0.01. A wrong name lists all settings. Repeatable.",
        rich_help_panel=MODEL_PANEL,
        show_default=False,
    ),
]
FailOnLeaks = Annotated[
    bool,
    typer.Option(
        "--fail-on-leaks",
        help="Stop, instead of warning, if images that should be new are copies of "
        "training images, or if one picture is in two classes.",
        rich_help_panel=DATA_PANEL,
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Do part I of N parts (1/8 ... 8/8), for job arrays. Together, the N commands "
        "do everything exactly once. They can run at the same time, on one machine or "
        "on several that share their folders.",
        rich_help_panel=RUN_PANEL,
        show_default=False,
    ),
]
RawOption = Annotated[
    bool,
    typer.Option(
        "--raw",
        help="In CSV, do not write a ' before names that begin with = + - @. It keeps a "
        "spreadsheet from running them as formulas; programs that read the rows do "
        "not need it.",
        rich_help_panel=RUN_PANEL,
    ),
]
BatchSize = Annotated[
    int,
    typer.Option(
        "--batch-size", help="Number of images encoded at once.", rich_help_panel=RUN_PANEL
    ),
]


def typed_command(context: typer.Context) -> str:
    """The command as it was typed, to run it again."""
    return context.find_root().obj
