"""`ldpf train`: one model from all given images."""

from __future__ import annotations

import logging
import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ldpf.cli.base import COMMANDS
from ldpf.cli.console import say, say_json
from ldpf.cli.grouping import MODEL_PANEL, RUN_PANEL
from ldpf.cli.options import BackboneOptions, LabeledData, OutputOptions, Track
from ldpf.cli.training_words import held_out_accuracy, print_data, print_result, summary
from ldpf.errors import SettingsError
from ldpf.version import __version__
from ldpf.workflows.inputs import encode, open_tracker
from ldpf.workflows.search import LATENT, chooser, search_space
from ldpf.workflows.training import check_model_folder, train_into

if TYPE_CHECKING:
    from ldpf.methods import Method

log = logging.getLogger("ldpf")

METHODS = ("ldpf", "coop")
"""Methods that learn prompts, and so make a model that can be kept."""


@COMMANDS.register("train", panel="With your images")
def train(
    *,
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
            help="ldpf: a prompt for each latent domain. coop: one prompt for all images.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = "ldpf",
    n_domains: Annotated[
        int,
        typer.Option(
            help="How many latent domains (groups of images of one style) to look for.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = 3,
    tau: Annotated[
        float,
        typer.Option(
            help="How evenly latent domains have a say: small, only the most similar one; large, "
            "all the same.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = 0.1,
    recipe: Annotated[
        str,
        typer.Option(
            help="How prompts are trained: fast, or paper (small batches, much longer).",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = "fast",
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=A,B,...",
            help="Choose a setting among values, such as tau=0.1,0.3,1, by further trainings. "
            "Repeatable.",
            rich_help_panel=MODEL_PANEL,
            show_default=False,
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            help="Combinations to try: the usual settings, then others at random, also from ranges "
            "(see 'ldpf benchmark'). Default: every combination of --search.",
            rich_help_panel=MODEL_PANEL,
            show_default=False,
        ),
    ] = None,
    selection: Annotated[
        str,
        typer.Option(
            help="What --search chooses by. leave-one-latent-domain-out: accuracy on latent "
            "domains left out in turn, which stand in for the next site. leave-one-domain-out: on "
            "known domains. training-domain-validation: on held-out images of the same sources.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = LATENT,
    train_fraction: Annotated[
        float,
        typer.Option(
            help="Share of the images to learn from; the others choose the best prompts.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = 0.8,
    seed: Annotated[
        int,
        typer.Option(help="Another number gives another random start.", rich_help_panel=RUN_PANEL),
    ] = 0,
    track: Track = None,
    output: OutputOptions,
) -> None:
    """Train a classifier on your labelled images.

    Nobody has to know which camera, place or style an image comes from: such
    groups ("latent domains") are discovered. If domains are given, they are
    only used to show how well the discovered ones agree with them. An
    interrupted training goes on where it stopped with the same command.

    \b
    Examples:
      ldpf train photos --out my-model
      ldpf train photos --n-domains 4 --out four-domains
      ldpf train photos --search tau=0.1,1 --out chosen
    """
    from ldpf.backbones import load_backbone
    from ldpf.data import require_trainable
    from ldpf.experiments.results import RESULT_VERSION
    from ldpf.methods import make_method
    from ldpf.models.provenance import training_provenance
    from ldpf.models.saving import read_config
    from ldpf.models.summary import model_words

    settings = _method(method, recipe, n_domains, tau)
    space = search_space(search or (), trials, selection, settings)
    check_model_folder(out)
    tracker = open_tracker(track)
    source = data.source()
    dataset = source.load()
    require_trainable(dataset)
    # Refused here rather than after the encoding.
    dataset.split(train_fraction, seed=seed)
    frozen = load_backbone(_lasting_name(backbone.backbone), backbone.device)
    features = encode(dataset, frozen, source).features
    learnt, held_out, test = features.split(train_fraction, seed=seed)
    if not output.as_json:
        print_data(features, learnt, held_out, len(test), method)

    judged = held_out if len(held_out) else learnt
    baseline = held_out_accuracy(make_method("zero-shot").fit(learnt, held_out, frozen), judged)
    run = {
        "library_version": __version__,
        "result_version": RESULT_VERSION,
        "data_digest": features.digest(),
        "fingerprint": frozen.fingerprint,
        "method": asdict(settings),
        "train_fraction": train_fraction,
        "seed": seed,
    }
    provenance = {
        **training_provenance(
            dataset.name,
            settings,
            learnt,
            held_out,
            seed=seed,
            train_fraction=train_fraction,
            test=test,
            domain_names=None if features.domains is None else features.domain_names,
        ),
        "zero_shot_validation_accuracy": baseline,
        "data_digest": features.digest(),
    }
    searching = None
    if space is not None:
        described = {**space.described(), "selection": selection}
        run, provenance = {**run, "search": described}, {**provenance, "search": described}
        searching = chooser(space, selection, settings, learnt, held_out, frozen, seed)
    classifier = train_into(
        out, settings, learnt, held_out, frozen, seed, run, provenance, tracker, searching
    )
    provenance = read_config(out)["provenance"]
    if output.as_json:
        say_json(summary(out, classifier, learnt, judged, provenance))
        return
    if chosen := model_words(provenance):
        say(chosen)
    print_result(classifier, learnt, judged, baseline, len(held_out) > 0)
    say()
    say(f"Model: {out}")
    say("Next:")
    say(f"  ldpf predict {_quoted(out)} NEW-IMAGES --out predictions.csv")
    if classifier.latent is not None:
        say(f"  ldpf domains {_quoted(out)} --data {_quoted(source.source)}")
    say(f"  ldpf info {_quoted(out)}")


def _method(name: str, recipe: str, n_domains: int, tau: float) -> Method:
    from ldpf.methods import LDPF, make_method
    from ldpf.training.recipe import get_recipe

    if name not in METHODS:
        raise SettingsError(
            f"method={name!r} cannot be trained; choose from {', '.join(METHODS)}. (zero-shot "
            "learns nothing: see 'ldpf benchmark'.)"
        )
    method = make_method(name, get_recipe(recipe), n_domains)
    return replace(method, tau=tau) if isinstance(method, LDPF) else method


def _lasting_name(backbone: str) -> str:
    """A folder's full path, so that the model finds it again from everywhere."""
    from ldpf.backbones.hub import BUNDLED

    folder = Path(backbone).expanduser()
    return str(folder.resolve()) if backbone not in BUNDLED and folder.is_dir() else backbone


def _quoted(text: str | Path) -> str:
    return shlex.quote(str(text))
