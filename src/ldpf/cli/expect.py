"""`ldpf expect`: how good a trained model will be at a new site, from its unlabeled photos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ldpf import workflows
from ldpf.cli.base import COMMANDS
from ldpf.cli.console import say, say_json
from ldpf.cli.grouping import DATA_PANEL
from ldpf.cli.options import Device, LabeledData, ModelOptions, OutputOptions
from ldpf.utils.text import count

if TYPE_CHECKING:
    from ldpf.workflows.expecting import SiteExpectation


@dataclass(frozen=True)
class SitePhotos(LabeledData):
    """Photos of one site, given as an argument or with --data; their labels are not read."""

    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="PATH",
            help="The same as the argument PHOTOS.",
            rich_help_panel=DATA_PANEL,
            show_default=False,
        ),
    ] = None
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="[PHOTOS]",
            help="Photos of one new site, without labels: a folder with everything below it, or "
            "embeddings (an array .npy, or a .parquet file with a column embedding).",
            show_default=False,
        ),
    ] = None


@COMMANDS.register("expect", panel="With your images")
def expect(
    *,
    model: ModelOptions,
    data: SitePhotos,
    device: Device = "auto",
    output: OutputOptions,
) -> None:
    """Estimate how good a model will be at a new site, from photos without labels.

    Prints the estimated accuracy with an interval, how far the photos lie from
    every latent domain, how many the model should not be asked about, classes
    that seem to be missing, and what to do. --json has every estimator. Fifty
    photos or more of one site; several sites are asked about one after the
    other.

    \b
    Example:
      ldpf expect my-model new-photos
    """
    result = workflows.expect(model.model, data.source(), backbone=model.backbone, device=device)
    if output.as_json:
        say_json(result.to_json())
    else:
        _print(result)


def _print(result: SiteExpectation) -> None:
    estimate, expectation = result.estimate, result.expectation
    photos = count(estimate.n, "photo")
    say(f"Estimated accuracy on {photos}: {estimate}", style="bold")
    if expectation.held_out is not None:
        say(f"Held-out images of the training sites: {expectation.held_out.words}")
    if expectation.new_site is not None:
        site = expectation.new_site
        say(f"Before any photo, of any new site: {site.accuracy:.1%}")
    say()
    if result.distances:
        _print_distances(result)
    say(f"Outside of what the model knows: {result.n_outside:,} of {photos}.")
    if result.missing_words is not None:
        say(result.missing_words)
    say()
    for sentence in result.advice:
        say(sentence)


def _print_distances(result: SiteExpectation) -> None:
    """How far the site is from each latent domain, and what is far."""
    by_domain = ", ".join(f"{domain}: {d:.2f}" for domain, d in result.distances.items())
    say(f"Distance to each latent domain: {by_domain}.")
    if result.between is None:
        return
    low, high = result.between
    nearest = min(result.distances, key=result.distances.__getitem__)
    where = (
        "farther from all of them"
        if result.far
        else f"nearest to {nearest}, no farther than some of them"
    )
    say(f"Latent domains are {low:.2f} to {high:.2f} apart; this site is {where}.")
