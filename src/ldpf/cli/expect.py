"""`ldpf expect`: how good a trained model will be at a new site, from its unlabeled photos."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ldpf import workflows
from ldpf.cli.base import COMMANDS
from ldpf.cli.console import say, say_json
from ldpf.cli.data_options import OptionalData, require_one_path
from ldpf.cli.grouping import DATA_PANEL
from ldpf.cli.options import Device, ModelOptions, OutputOptions
from ldpf.utils.paths import full_path, missing_path_error
from ldpf.utils.text import count
from ldpf.workflows.source import DataSource

if TYPE_CHECKING:
    from ldpf.workflows.expecting import SiteExpectation


@dataclass(frozen=True)
class SitePhotos(OptionalData):
    """Photos of one site, given as arguments or with --data; their labels are not read."""

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
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PHOTOS",
            help="Photos of one new site, without labels: folders with everything in them, "
            "images, tables with a column path (.csv, .tsv, .jsonl, .parquet), or - to "
            "read paths from standard input, one per line. Or embeddings: .npy arrays, or "
            ".parquet files with a column embedding.",
            show_default=False,
        ),
    ] = None

    @property
    def photos(self) -> list[str]:
        """Every path that the person gave."""
        return self.paths or ([] if self.data is None else [self.data])

    def check(self) -> None:
        """Raise SettingsError without a path, DataError if one does not exist."""
        first = None if not self.paths else self.paths[0]
        require_one_path(next(iter(self.photos), None), first, self.data)
        for path in self.photos:
            # A box behind the path is read in the workflow, which imports what is heavy.
            file = full_path(path.partition("#xywh=")[0] or path).absolute()
            if path not in ("-", "demo") and not file.exists():
                raise missing_path_error(file)

    def sources(self) -> list[DataSource]:
        """What to read."""
        return [self._source(path) for path in self.photos]


@COMMANDS.register("expect", panel="With your images")
def expect(
    *,
    model: ModelOptions,
    data: SitePhotos,
    device: Device = "auto",
    output: OutputOptions,
) -> None:
    """Estimate the accuracy of a model at a new site, from photos without labels.

    Prints the estimated accuracy with an interval, how far the photos are from
    every latent domain, how many are outside of what the model knows, classes
    that seem to be missing, and what to do. --json has every estimator. Give
    fifty photos or more of one site; for several sites, use the command once
    for each.

    \b
    Examples:
      ldpf expect my-model new-photos
      ldpf expect my-model photos.csv
      find . -name '*.jpg' | ldpf expect my-model -
    """
    result = workflows.expect(
        model.model,
        data.sources(),
        backbone=model.backbone,
        device=device,
        listed=sys.stdin.buffer if "-" in data.photos else (),
    )
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
    if result.between is None or not result.tells_where:
        return
    low, high = result.between
    nearest = min(result.distances, key=result.distances.__getitem__)
    where = (
        "farther from all of them"
        if result.far
        else f"nearest to {nearest}, no farther than some of them"
    )
    say(f"Latent domains are {low:.2f} to {high:.2f} apart; this site is {where}.")
