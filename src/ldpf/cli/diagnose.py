"""`ldpf diagnose`: what is wrong with a model or its images, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from ldpf import workflows
from ldpf.cli.base import COMMANDS
from ldpf.cli.choices import choices_help
from ldpf.cli.console import SOMETHING_FAILED, plain_table, say, say_json, show
from ldpf.cli.data_options import OptionalData, require_one_path
from ldpf.cli.findings import print_finding
from ldpf.cli.grouping import DATA_PANEL, RUN_PANEL
from ldpf.cli.options import Device, ModelOptions, OutputOptions
from ldpf.doctor.base import SIGNS
from ldpf.utils.text import count

if TYPE_CHECKING:
    from ldpf.workflows.diagnosing import Diagnosis


@dataclass(frozen=True)
class NewImages(OptionalData):
    """Images of a new site, given as an argument or with --data."""

    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="PATH",
            help="The same as the argument DATA.",
            rich_help_panel=DATA_PANEL,
            show_default=False,
        ),
    ] = None
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="Images of a new site: labeled ones as for train, or photos in any folders.",
            show_default=False,
        ),
    ] = None

    @property
    def given(self) -> str | None:
        """What the person gave; None for nothing."""
        return self.path if self.data is None else self.data

    def check(self) -> None:
        """Raise SettingsError for two different paths, DataError if there is no such path."""
        if self.given is not None:
            require_one_path(self.given, self.path, self.data)
        super().check()


@COMMANDS.register("diagnose", panel="With your images")
def diagnose(
    *,
    model: ModelOptions,
    data: NewImages,
    training: Annotated[
        str | None,
        typer.Option(
            "--training",
            metavar="PATH",
            help="The images that MODEL was trained on. Default: their place during training.",
            rich_help_panel=DATA_PANEL,
            show_default=False,
        ),
    ] = None,
    signs: Annotated[
        str | None,
        typer.Option(
            "--signs",
            metavar="A,B,...",
            help=f"Check only these signs. {choices_help(SIGNS)}",
            rich_help_panel=RUN_PANEL,
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
    output: OutputOptions,
) -> None:
    """Check a model and its images for signs that something is wrong.

    Each sign has a number, a threshold, its meaning and the command to type
    next. Some signs need the training images, others need images of a new site,
    some of them with labels. The command says which signs it could not check.

    Exit code 0: nothing serious; 1: something serious; 2: an error.

    \b
    Examples:
      ldpf diagnose my-model
      ldpf diagnose my-model new-photos
      ldpf diagnose my-model --signs label-errors --json
    """
    result = workflows.diagnose(
        model.model,
        data.optional_source(),
        training=training,
        signs=None if signs is None else [name.strip() for name in signs.split(",")],
        backbone=model.backbone,
        cache_dir=data.cache_dir,
        device=device,
    )
    if output.as_json:
        say_json(result.to_json())
    else:
        _print(result)
    if result.serious:
        raise typer.Exit(SOMETHING_FAILED)


def _print(result: Diagnosis) -> None:
    kind = "labeled new image" if result.labeled else "unlabeled new image"
    say(
        f"Looked at {count(result.n_train, 'training image')}, {result.n_held_out:,} held out and "
        f"{count(result.n_photos, kind)}."
    )
    shown = [one for one in result.findings if one.shows]
    for finding in shown:
        say()
        print_finding(finding)
    quiet = [one for one in result.findings if not one.shows]
    if quiet:
        table = plain_table("sign", "shows")
        table.add_column("", justify="left", overflow="fold")
        for one in quiet:
            status = f"{one.status.value}: {one.words}"
            table.add_row(Text(one.title), one.shown_threshold, Text(status))
        say()
        show(table)
    say()
    serious = sum(one.status.value == "serious" for one in shown)
    say(f"{count(serious, 'serious sign')}, {count(len(shown) - serious, 'notice')}.", style="bold")
