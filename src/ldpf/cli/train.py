"""`ldpf train`: one model from all given images."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ldpf import workflows
from ldpf.cli.base import COMMANDS
from ldpf.cli.choices import choice_of, choices_help
from ldpf.cli.chosen import print_choice
from ldpf.cli.console import counts_table, say, say_json, show
from ldpf.cli.data_options import LabeledData
from ldpf.cli.estimated import EstimateOption, print_estimate
from ldpf.cli.findings import print_serious
from ldpf.cli.grouping import MODEL_PANEL, RUN_PANEL
from ldpf.cli.options import (
    BackboneOptions,
    FailOnLeaks,
    OutputOptions,
    Settings,
    Track,
    typed_command,
)
from ldpf.cli.training_options import (
    N_DOMAINS_METAVAR,
    N_DOMAINS_RULES,
    PRESET_HELP,
    RECIPE_HELP,
    number_or_rule,
)
from ldpf.experiments.selection.base import SELECTION_RULES
from ldpf.methods.base import METHODS
from ldpf.methods.overrides import parse_settings
from ldpf.models.summary import model_words
from ldpf.utils.text import count
from ldpf.workflows.defaults import N_DOMAINS, SELECTION
from ldpf.workflows.source import describe

if TYPE_CHECKING:
    from ldpf.workflows.training_result import Training

log = logging.getLogger("ldpf")


@COMMANDS.register("train", panel="With your images")
def train(
    *,
    context: typer.Context,
    data: LabeledData,
    out: Annotated[
        Path,
        typer.Option(
            metavar="MODEL",
            help="Folder for the model.",
            rich_help_panel=MODEL_PANEL,
            show_default=False,
        ),
    ],
    backbone: BackboneOptions,
    method: Annotated[
        str,
        typer.Option(
            help=f"The method to train. {choices_help(METHODS)}",
            callback=choice_of(METHODS),
            rich_help_panel=MODEL_PANEL,
        ),
    ] = "ldpf",
    n_domains: Annotated[
        str,
        typer.Option(
            metavar=N_DOMAINS_METAVAR,
            help="Number of latent domains (groups of images that share a style) to look for. "
            f"{N_DOMAINS_RULES}",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = str(N_DOMAINS),
    tau: Annotated[
        float | None,
        typer.Option(
            help="Temperature of the fusion weights. With a small value only the most similar "
            "latent domain counts; with a large value all count the same. Default: set by "
            "the preset (1).",
            rich_help_panel=MODEL_PANEL,
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(help=RECIPE_HELP, rich_help_panel=MODEL_PANEL, show_default=False),
    ] = None,
    preset: Annotated[str, typer.Option(help=PRESET_HELP, rich_help_panel=MODEL_PANEL)] = "default",
    settings: Settings = None,
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=A,B,...",
            help="Choose a setting from several values, such as tau=0.1,0.3,1, by additional "
            "trainings. Repeatable.",
            rich_help_panel=MODEL_PANEL,
            show_default=False,
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            help="Number of combinations to try: the usual settings first, then random ones, "
            "also from ranges (see 'ldpf benchmark'). Default: every combination of "
            "--search.",
            rich_help_panel=MODEL_PANEL,
            show_default=False,
        ),
    ] = None,
    selection: Annotated[
        str,
        typer.Option(
            help=f"The rule by which --search chooses. {choices_help(SELECTION_RULES)}",
            callback=choice_of(SELECTION_RULES),
            rich_help_panel=MODEL_PANEL,
        ),
    ] = SELECTION,
    train_fraction: Annotated[
        float,
        typer.Option(
            help="Share of the images used for training. The others are held out to choose the "
            "best prompts and to measure accuracy.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = 0.8,
    seed: Annotated[
        int,
        typer.Option(help="Seed of the random start.", rich_help_panel=RUN_PANEL),
    ] = 0,
    track: Track = None,
    fail_on_leaks: FailOnLeaks = False,
    no_advice: Annotated[
        bool,
        typer.Option(
            "--no-advice",
            help="Do not fit simple methods on the same images to recommend one.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = False,
    estimate: EstimateOption = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace a model in MODEL that was trained with other data or settings.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = False,
    output: OutputOptions,
) -> None:
    """Train a classifier on your labeled images.

    You need not know which camera, place or style an image comes from: such
    groups ("latent domains") are discovered. If domains are given, they are
    only compared with the discovered ones, unless the method needs them. The
    same command resumes an interrupted training.

    \b
    Examples:
      ldpf train photos --out my-model
      ldpf train photos --n-domains 4 --out four-domains
      ldpf train photos --search tau=0.1,1 --out chosen
    """
    options: dict[str, Any] = {
        "backbone": backbone.backbone,
        "method": method,
        "n_domains": number_or_rule(n_domains),
        "tau": tau,
        "recipe": recipe,
        "preset": preset,
        "settings": parse_settings(settings or ()),
        "search": search or (),
        "trials": trials,
        "selection": selection,
        "train_fraction": train_fraction,
        "seed": seed,
        "advice": not no_advice,
        "device": backbone.device,
    }
    if estimate:
        estimated = workflows.estimate_training
        print_estimate(estimated, data.source(), as_json=output.as_json, **options)
        return
    result = workflows.train(
        data.source(),
        out,
        **options,
        track=track,
        fail_on_leaks=fail_on_leaks,
        overwrite=overwrite,
        command=typed_command(context),
    )
    if output.as_json:
        say_json(result.to_json())
        return
    _print_data(result)
    if (chosen := model_words(result.provenance)) is not None:
        say(chosen)
    if result.latent_domains is not None:
        _print_latent(result)
    if (auto := result.classifier.training.get("auto")) is not None:
        print_choice(auto)
    _print_accuracy(result)
    _print_expectation(result)
    say()
    print_serious(result.findings, out)
    say(f"Model: {out}")
    say("Next:")
    model = shlex.quote(str(out))
    say(f"  ldpf predict {model} NEW-IMAGES --out predictions.csv")
    if result.latent_domains is not None:
        say(f"  ldpf domains {model} {shlex.quote(str(data.source().source))}")
    say(f"  ldpf info {model}")


def _print_data(result: Training) -> None:
    """What was read, and what of it was for what."""
    discovered = result.features.domains is None and result.classifier.latent is not None
    unknown = ": they were discovered" if discovered else ""
    say(f"Read {describe(result.features)}{unknown}.")
    left_out = f"; {result.n_test:,} marked test were left out" if result.n_test else ""
    say(
        f"Learned from {len(result.train):,}, chose on {len(result.validation):,} held out"
        f"{left_out}."
    )
    if result.shares is not None:
        say(f"{result.shares[0].upper()}{result.shares[1:]}.")


def _print_accuracy(result: Training) -> None:
    """How good the model is, beside zero-shot."""
    held_out = len(result.validation) > 0
    where = "held-out" if held_out else "training (there are too few images to hold some out)"
    say()
    expectation = result.expectation
    kept = expectation.held_out if expectation is not None and held_out else None
    accuracy = f"{result.accuracy:.1%}" if kept is None else kept.words
    say(f"Accuracy on {count(len(result.judged), where + ' image')}: {accuracy}", style="bold")
    say(
        "Ready-made model without training (zero-shot), on the same images: "
        f"{result.zero_shot_accuracy:.1%}"
    )
    if result.accuracy < result.zero_shot_accuracy:
        log.warning(
            "training did not pay on these images: zero-shot is better; more images may help"
        )


def _print_expectation(result: Training) -> None:
    """What to expect at a new site, which accuracy to believe, and which method to take."""
    expectation = result.expectation
    if expectation is None:
        say("What to expect at a new site was not measured for this model.")
        return
    for sentence in expectation.at_new_site():
        say(sentence)
    if result.advice is not None:
        say(result.advice.sentence)


def _print_latent(result: Training) -> None:
    """Sizes of the latent domains, by known domain where there are some, and what they mean."""
    say()
    say(f"Latent domains ({count(len(result.train), 'training image')}):")
    assert result.latent_domains is not None
    known = result.by_known_domain
    rows = [result.latent_domains["sizes"], *known.values()]
    show(counts_table(rows, ["all", *known], "known domain" if known else ""))
    for sentence in result.diagnosis:
        say(f"- {sentence}")
