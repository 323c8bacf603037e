"""`ldpf data`: what is odd about a set of images, before anything is trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from ldpf import workflows
from ldpf.backbones.default import DEFAULT_BACKBONE, DEMO_BACKBONE
from ldpf.cli.base import COMMANDS
from ldpf.cli.console import SOMETHING_FAILED, plain_table, say, say_json, show
from ldpf.cli.data_options import LabeledData
from ldpf.cli.grouping import RUN_PANEL
from ldpf.cli.options import BackboneOptions, OutputOptions
from ldpf.errors import BackboneError
from ldpf.utils.text import count, some
from ldpf.workflows.source import describe

if TYPE_CHECKING:
    from ldpf.workflows.data_checking import ByFeatures, DataCheck

SHOWN = 5
CLASSES_SHOWN = 30


@COMMANDS.register("data", panel="With your images")
def data() -> None:
    """Find problems in your images before training."""


@COMMANDS.register("data check")
def check(
    *,
    images: LabeledData,
    backbone: BackboneOptions,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Only the checks that need no model: no near-duplicates, leaks or suspicious "
            "labels.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = False,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE",
            help="The PNG file for the contact sheet of suspicious images; not written if "
            "there are none.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = Path("data-check.png"),
    output: OutputOptions,
) -> None:
    """Report counts, sizes, formats, blank and dark pictures, duplicates, leaks, suspicious labels.

    Every file is read once. With a backbone, the command also finds nearly
    identical pictures, leaks between the splits of a training, and labels that
    are probably wrong; features in the cache are used.

    Exit code 1: a file cannot be read, is blank, is in two classes, or is in
    both the training and the held-out images.

    \b
    Examples:
      ldpf data check photos
      ldpf data check photos --quick --json
    """
    named = backbone.backbone or (DEMO_BACKBONE if images.given == "demo" else DEFAULT_BACKBONE)
    try:
        result = workflows.check_data(
            images.source(),
            backbone=None if quick else named,
            out=out,
            device=backbone.device,
        )
    except BackboneError as error:
        raise BackboneError(f"{error} --quick checks the images without a model.") from error
    if output.as_json:
        say_json(result.to_json())
    else:
        _print(result)
    if result.is_serious:
        raise typer.Exit(SOMETHING_FAILED)


def _print(result: DataCheck) -> None:
    say(f"{describe(result.dataset)} ({result.dataset.root}).", style="bold")
    if result.no_labels:
        say(f"Labels: not read, {result.no_labels}")
    else:
        _print_counts(result)
    say(f"Sizes: {_most_common(result.sizes)}")
    say(f"Formats: {_most_common(result.formats)}")
    _print_found("cannot be read", [f"{one.path}: {one.error}" for one in result.bad])
    _print_found("blank", [f"{one.path}: {one.blank}" for one in result.blank])
    _print_found("dark", [one.path for one in result.dark])
    _print_found("small (a side below 64 pixels)", [one.path for one in result.small])
    _print_found(
        "with an ending of another format",
        [f"{one.path} ({one.format})" for one in result.other_ending],
    )
    groups = [some([result.facts[i].path for i in group], 4) for group in result.copies]
    twice = set(result.under_two_classes)
    marked = [
        f"{words} (under several classes)" if group in twice else words
        for group, words in zip(result.copies, groups, strict=True)
    ]
    _print_found("several times the same file", marked, one="group")
    if result.features is not None:
        _print_features(result.features)
    if result.sheet is not None:
        say(f"Look at {result.sheet}")


def _print_features(found: ByFeatures) -> None:
    pairs = [f"{a} and {b} (cosine {cosine:.4f})" for a, b, cosine in found.near_copies]
    _print_found("nearly the same picture", pairs, one="pair")
    if found.leaks:
        say(f"Leaks: {found.leaks.paragraph()}", style="yellow")
    else:
        say("Leaks: none.")
    if found.not_measured:
        say(f"Suspicious labels: not looked for, {found.not_measured}.")
    else:
        _print_found("with a suspicious label", list(found.suspect_lines))


def _print_counts(result: DataCheck) -> None:
    dataset = result.dataset
    domains = dataset.domain_names or ("images",)
    table = plain_table("class", *domains)
    counts = dataset.counts()
    for k, name in list(enumerate(dataset.class_names))[:CLASSES_SHOWN]:
        table.add_row(Text(name), *(f"{n:,}" for n in counts[:, k].tolist()))
    show(table)
    if (more := len(dataset.class_names) - CLASSES_SHOWN) > 0:
        say(f"... and {count(more, 'class', 'classes')} more (--json lists all)")


def _print_found(what: str, lines: Sequence[str], one: str = "picture") -> None:
    """One line for none, else the first ones under a heading."""
    name = what[0].upper() + what[1:]
    if not lines:
        say(f"{name}: none.")
        return
    say(f"{name}: {count(len(lines), one)}", style="yellow")
    for line in lines[:SHOWN]:
        say(f"  {line}")
    if len(lines) > SHOWN:
        say(f"  ... and {len(lines) - SHOWN:,} more (--json lists all)")


def _most_common(counts: Counter[str]) -> str:
    listed = [f"{name} ({n:,})" for name, n in counts.most_common()]
    return some(listed, SHOWN) or "none"
