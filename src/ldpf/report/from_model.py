"""Findings of a model folder, alone or measured on labeled images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ldpf.errors import SettingsError
from ldpf.evaluation.metrics import accuracy
from ldpf.evaluation.per_prompt import prompt_answers
from ldpf.expectation.accuracies import expected, from_json
from ldpf.expectation.site_record import site_record
from ldpf.experiments.readouts import READOUTS, Readout
from ldpf.experiments.recreate import is_training_data, split_as_trained
from ldpf.inspection.latent_summary import describe_latent
from ldpf.inspection.style_names import nearest_styles
from ldpf.methods import ZeroShot
from ldpf.models.kept import EXPECTATION
from ldpf.models.summary import ModelSummary
from ldpf.report.commands import model_commands
from ldpf.report.findings import ALL, Findings, Run, Training
from ldpf.report.tables.benchmark_table import BenchmarkTable
from ldpf.utils.ways import named
from ldpf.version import __version__

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.base import Classifier


def from_model(
    folder: Path,
    config: Mapping[str, Any],
    data: str | None = None,
    classifier: Classifier | None = None,
    backbone: Backbone | None = None,
    features: FeatureSet | None = None,
    beside: Classifier | None = None,
) -> Findings:
    """Model metadata and, with labeled images, accuracy on them.

    Images it was trained on are told by their digest; of them only those count that training held
    out.

    Args:
        folder: of the model.
        config: its config.json.
        data: what the person gave as --data, for the commands.
        classifier, backbone, features: the loaded model and the encoded images, all or none. Every
            class with an image must be one of the model's.
        beside: a model of another method to compare with, see `check_beside`.
    """
    origin = config.get("provenance", {})
    seed = origin.get("seed", 0)
    main, model = config["method"], ModelSummary.read(config)
    found = Findings(
        kind="model",
        title=f"The model {folder.name}",
        main=main,
        class_names=tuple(config["class_names"]),
        targets=(),
        seeds=(seed,),
        oracles=frozenset(name for name, readout in READOUTS.items() if readout.oracle),
        runs={},
        table=None,
        trainings=_trainings(model),
        facts=model.facts(),
        trained_on=model.trained_on(),
        commands=model_commands(folder, model, data),
        versions={
            "ldpf that trained it": config.get("library_version", "unknown"),
            "ldpf that wrote this report": __version__,
        },
        backbone=(config["backbone"]["name"], config["backbone"]["fingerprint"]),
        no_answers=_no_data(),
        no_latent=_no_data(),
        learned=not model.fixed_prompts,
        expected=_expected(config),
    )
    if classifier is None or backbone is None or features is None:
        return found
    judged, note = _judged(features, origin, model.fixed_prompts)
    same = features.digest() == origin.get("data_digest")
    images = features.with_classes_of(classifier.class_names)
    runs = {
        (target, seed): _measure(classifier, backbone, part, beside)
        for target, part in _by_domain(judged.with_classes_of(classifier.class_names)).items()
    }
    targets = tuple(target for target, _ in runs)
    trainings = ()
    sites, expectation = {}, classifier.expectation
    if expectation is not None and not same:
        # Images of the model's own sites are no new site.
        parts = _by_domain(judged)
        sites = {
            (target, seed): site_record(classifier, parts[target].features) for target in targets
        }
    if classifier.latent is not None:
        latent = describe_latent(classifier.latent, images)
        words = nearest_styles(latent.directions, backbone)
        trainings = tuple(
            replace(one, targets=targets, latent=latent, words=words) for one in found.trainings
        )
    coop = () if "coop" in (main, beside.method if beside else None) else (_no_coop(),)
    return replace(
        found,
        targets=targets,
        runs=runs,
        trainings=trainings,
        commands=model_commands(folder, model, data, data if same else None),
        table=_table(runs, targets),
        no_answers="",
        no_latent="",
        notes=(note, *coop),
        sites=sites,
    )


def _expected(config: Mapping[str, Any]) -> tuple[str, ...]:
    """What to expect of a model, in sentences, as its config.json keeps it; none of older ones."""
    kept = config.get(EXPECTATION)
    return () if kept is None else tuple(expected(*from_json(kept)))


def check_beside(beside: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Refuse a model that cannot stand beside another one in a report.

    Both must have learned from the same images with the same ones held out: of a model's own
    training images only those it never saw may count.

    Args:
        beside, config: the config.json of both.

    Raises:
        SettingsError: same method, or other classes, backbone, training images or split.
    """
    if beside["method"] == config["method"]:
        raise SettingsError(
            f"Both models are of the method {config['method']!r}; give {named('beside')} one of "
            "another, such as coop."
        )
    same = {
        "classes": lambda one: one["class_names"],
        "backbone": lambda one: one["backbone"]["fingerprint"],
        "training images": lambda one: one.get("provenance", {}).get("data_digest"),
        "seed": lambda one: one.get("provenance", {}).get("seed"),
        "train fraction": lambda one: one.get("provenance", {}).get("train_fraction"),
    }
    other = [name for name, read in same.items() if read(beside) != read(config)]
    if other:
        raise SettingsError(
            f"The model to compare with differs in its {other[0]}; train it with the same "
            f"{named('data')}, "
            f"{named('backbone')}, {named('seed')} and {named('train_fraction')}."
        )


def _trainings(model: ModelSummary) -> tuple[Training, ...]:
    """The latent domains, as discovery measured them; none for a model without any."""
    # What the log of the discovery says, and over it what was measured of the domains kept.
    measured = {**model.discovery, **model.measured}
    if not measured and model.n_domains == 1:
        return ()
    return (Training("in the model", (), measured, model.similarity),)


def _judged(
    features: FeatureSet, origin: Mapping[str, Any], fixed_prompts: bool
) -> tuple[FeatureSet, str]:
    """The images to measure on, and a sentence about them."""
    if not fixed_prompts and is_training_data(features, origin):
        _, validation, test = split_as_trained(features, origin)
        if len(test):
            return test, "Measured on the images marked test."
        if len(validation):
            return validation, (
                "These are the images the model was trained on. It is measured on those held out, "
                "which come from the same sources and chose the checkpoint: expect less on images "
                "of a new source."
            )
        return features, (
            "The model was trained on these very images; its accuracy on new ones will be lower."
        )
    if features.splits is not None and (features.splits == "test").any():
        return features.subset(features.splits == "test"), "Measured on the images marked test."
    if fixed_prompts:
        return features, "Measured on all images given; the model learned from none."
    return features, "Measured on images other than those the model was trained on."


def _by_domain(features: FeatureSet) -> dict[str, FeatureSet]:
    if features.domains is None:
        return {ALL: features}
    return {
        name: features.subset(rows)
        for d, name in enumerate(features.domain_names)
        if (rows := features.domains == d).any()
    }


def _measure(
    classifier: Classifier,
    backbone: Backbone,
    images: FeatureSet,
    beside: Classifier | None,
) -> Run:
    predictions, confidence = {}, {}
    zero_shot = ZeroShot().fit(images, images, backbone)
    readers: dict[str, tuple[Readout, Classifier]] = {
        "zero-shot": (Readout("zero-shot"), zero_shot)
    }
    if beside is not None:
        readers[beside.method] = Readout(beside.method), beside
    # A method from a package that is not installed here is not among the read-outs.
    readers[classifier.method] = Readout(classifier.method), classifier
    # A model folder has no training images, which rules and heads that learn are fitted to.
    readers |= {
        name: (readout, readout.reader(classifier))
        for name, readout in READOUTS.items()
        if readout.trained_as == classifier.method
        and not readout.learns
        and (classifier.latent is not None or name == classifier.method)
    }
    for name, (readout, reader) in readers.items():
        answered, sure = readout.answer(reader, images.features, images.labels)
        predictions[name] = answered.numpy()
        if sure is not None:
            confidence[name] = sure.numpy()
    said = None if classifier.latent is None else prompt_answers(classifier, images.features)
    return Run(images.labels.numpy(), predictions, confidence, tuple(images.paths), said)


def _table(runs: Mapping[tuple[str, int], Run], targets: tuple[str, ...]) -> BenchmarkTable:
    lines = [
        {
            "method": name,
            "target": target,
            "seed": seed,
            "oracle": name in READOUTS and READOUTS[name].oracle,
            "accuracy": accuracy(torch.from_numpy(answered), torch.from_numpy(run.labels)),
        }
        for (target, seed), run in runs.items()
        for name, answered in run.predictions.items()
    ]
    methods = list(dict.fromkeys(line["method"] for line in lines))
    return BenchmarkTable.from_results(lines, methods, targets, ("Accuracy in %.",))


def _no_coop() -> str:
    return (
        "There is no CoOp to compare with: train one on the same images (ldpf train --method "
        f"coop) and give its folder with {named('beside')}. 'ldpf benchmark' compares more "
        "methods."
    )


def _no_data() -> str:
    return (
        f"Nothing was measured: give labeled images of the model's classes with {named('data')}, "
        "best ones that it was not trained on."
    )
