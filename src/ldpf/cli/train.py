"""`ldpf train`: one model from all given images."""

from __future__ import annotations

import logging
import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

import ldpf
from ldpf.cli import common
from ldpf.cli.common import say, say_json, show
from ldpf.cli.latent import measure_latent
from ldpf.cli.loading import DataSource, count, describe, encode
from ldpf.cli.model_training import check_model_folder, train_into
from ldpf.errors import SettingsError

if TYPE_CHECKING:
    from ldpf.classifier import PromptClassifier
    from ldpf.features import FeatureSet
    from ldpf.methods import Method

log = logging.getLogger("ldpf")

METHODS = ("ldpf", "coop")
"""Methods that learn prompts, and so make a model that can be kept."""


def train(
    data: common.Data,
    out: Annotated[
        Path,
        typer.Option(
            metavar="MODEL",
            help="Folder for the model.",
            rich_help_panel=common.MODEL_PANEL,
            show_default=False,
        ),
    ],
    layout: common.Layout = "auto",
    class_names: common.ClassNames = None,
    benchmark_name: common.NamedBenchmark = "auto",
    skip_bad: common.SkipBad = False,
    backbone: common.Backbone = "nano",
    method: Annotated[
        str,
        typer.Option(
            help="ldpf: a prompt for each latent domain. coop: one prompt for all images.",
            rich_help_panel=common.MODEL_PANEL,
        ),
    ] = "ldpf",
    n_domains: Annotated[
        int,
        typer.Option(
            help="How many latent domains (groups of images of one style) to look for.",
            rich_help_panel=common.MODEL_PANEL,
        ),
    ] = 3,
    tau: Annotated[
        float,
        typer.Option(
            help="How evenly latent domains have a say: small, only the most similar one; large, "
            "all the same.",
            rich_help_panel=common.MODEL_PANEL,
        ),
    ] = 0.1,
    recipe: Annotated[
        str,
        typer.Option(
            help="How prompts are trained: fast, or paper (small batches, much longer).",
            rich_help_panel=common.MODEL_PANEL,
        ),
    ] = "fast",
    train_fraction: Annotated[
        float,
        typer.Option(
            help="Share of the images to learn from; the others choose the best prompts.",
            rich_help_panel=common.RUN_PANEL,
        ),
    ] = 0.8,
    seed: Annotated[
        int,
        typer.Option(
            help="Another number gives another random start.", rich_help_panel=common.RUN_PANEL
        ),
    ] = 0,
    track: common.Track = None,
    device: common.Device = "auto",
    cache_dir: common.CacheDir = None,
    quiet: common.Quiet = False,
    as_json: common.Json = False,
) -> None:
    """Train a classifier on your labelled images.

    Nobody has to know which camera, place or style an image comes from: such
    groups ("latent domains") are discovered. If domains are given, they are
    only used to show how well the discovered ones agree with them. An
    interrupted training goes on where it stopped with the same command.

    \b
    Examples:
      ldpf train --data photos --out my-model
      ldpf train --data photos --n-domains 4 --out four-domains
    """
    from ldpf.backbones import load_backbone
    from ldpf.data import make_split, require_trainable
    from ldpf.evaluation.store import RESULT_VERSION
    from ldpf.methods import make_method
    from ldpf.provenance import training_provenance

    settings = _method(method, recipe, n_domains, tau)
    check_model_folder(out)
    tracker = common.tracker(track)
    source = DataSource(data, layout, class_names, skip_bad, cache_dir, benchmark_name)
    dataset = source.load()
    require_trainable(dataset)
    # Refused here rather than after the encoding.
    make_split(
        dataset.splits, dataset.labels, dataset.domains, train_fraction=train_fraction, seed=seed
    )
    frozen = load_backbone(_lasting_name(backbone), device)
    features = encode(dataset, frozen, source).features
    domains = None if features.domains is None else features.domains.numpy()
    split = make_split(
        features.splits,
        features.labels.numpy(),
        domains,
        train_fraction=train_fraction,
        seed=seed,
    )
    learnt, held_out = features.subset(split.train), features.subset(split.validation)
    if not as_json:
        _print_data(features, learnt, held_out, len(split.test), method)

    judged = held_out if len(held_out) else learnt
    baseline = _accuracy(make_method("zero-shot").fit(learnt, held_out, frozen), judged)
    run = {
        "library_version": ldpf.__version__,
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
            test=features.subset(split.test),
            domain_names=None if domains is None else features.domain_names,
        ),
        "zero_shot_validation_accuracy": baseline,
        "data_digest": features.digest(),
    }
    classifier = train_into(out, settings, learnt, held_out, frozen, seed, run, provenance, tracker)
    if as_json:
        say_json(_summary(out, classifier, learnt, judged, provenance))
        return
    _print_result(classifier, learnt, judged, baseline, len(held_out) > 0)
    say()
    say(f"Model: {out}")
    say("Next:")
    say(f"  ldpf predict {_quoted(out)} NEW-IMAGES --out predictions.csv")
    if classifier.latent is not None:
        say(f"  ldpf domains {_quoted(out)} --data {_quoted(data)}")
    say(f"  ldpf info {_quoted(out)}")


def _method(name: str, recipe: str, n_domains: int, tau: float) -> Method:
    from ldpf.methods import LDPF, make_method
    from ldpf.recipes import get_recipe

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


def _accuracy(classifier: PromptClassifier, features: FeatureSet) -> float:
    from ldpf.evaluation.metrics import accuracy

    return accuracy(classifier.logits(features.features).argmax(dim=1), features.labels)


def _summary(
    model: Path,
    classifier: PromptClassifier,
    learnt: FeatureSet,
    judged: FeatureSet,
    provenance: dict[str, Any],
) -> dict[str, Any]:
    """What `--json` prints: what was learnt from, and what came of it."""
    latent = classifier.latent
    return {
        "model": str(model),
        "method": classifier.method,
        **{key: value for key, value in provenance.items() if key != "method_settings"},
        "class_names": list(classifier.class_names),
        "validation_accuracy": _accuracy(classifier, judged),
        "latent_domains": None if latent is None else measure_latent(latent, learnt, judged),
    }


def _print_data(
    features: FeatureSet, learnt: FeatureSet, held_out: FeatureSet, n_test: int, method: str
) -> None:
    discovered = features.domains is None and method == "ldpf"
    unknown = ": they will be discovered" if discovered else ""
    say(f"Read {describe(features)}{unknown}.")
    left_out = f"; {n_test:,} marked test are left out" if n_test else ""
    say(f"Learning from {len(learnt):,}, choosing on {len(held_out):,} held out{left_out}.")


def _print_result(
    classifier: PromptClassifier,
    learnt: FeatureSet,
    judged: FeatureSet,
    baseline: float,
    held_out: bool,
) -> None:
    where = "held-out" if held_out else "training (there are too few images to hold some out)"
    own = _accuracy(classifier, judged)
    say()
    say(f"Accuracy on {count(len(judged), where + ' image')}: {own:.1%}", style="bold")
    say(f"Ready-made model without training (zero-shot), on the same images: {baseline:.1%}")
    if own < baseline:
        log.warning(
            "training did not pay on these images: zero-shot is better; more images may help"
        )
    if classifier.latent is not None:
        _print_latent(classifier, learnt, judged)


def _print_latent(classifier: PromptClassifier, learnt: FeatureSet, judged: FeatureSet) -> None:
    from ldpf.domains.diagnostics import cross_table
    from ldpf.report.tables import counts_table
    from ldpf.report.words import discovery_words, similarity_words

    assert classifier.latent is not None
    measured = measure_latent(classifier.latent, learnt, judged)
    say()
    say(f"Latent domains ({count(len(learnt), 'training image')}):")
    names, rows = ["all"], [np.array(measured["sizes"])]
    if learnt.domains is not None:
        assigned = classifier.latent.assign(learnt.features)
        known = cross_table(
            learnt.domains, assigned, len(learnt.domain_names), classifier.n_domains
        )
        names, rows = [*names, *learnt.domain_names], [*rows, *known]
    show(counts_table(np.stack(rows), names, "known domain" if len(rows) > 1 else ""))
    for sentence in discovery_words(measured):
        say(f"- {sentence}")
    for sentence in similarity_words(classifier.training.get("prompt_similarity", [])):
        say(f"- {sentence}")


def _quoted(text: str | Path) -> str:
    return shlex.quote(str(text))
