"""`ldpf evaluate`: how good a trained model is on labelled images."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ldpf.cli.base import COMMANDS
from ldpf.cli.console import accuracy_table, say, say_json, show
from ldpf.cli.options import Device, LabeledData, ModelOptions, OutputOptions
from ldpf.errors import DataError
from ldpf.utils.text import count, some
from ldpf.workflows.inputs import encode, load_trained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ldpf.data import ImageDataset
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.prompt_classifier import PromptClassifier

log = logging.getLogger("ldpf")


@COMMANDS.register("evaluate", panel="With your images")
def evaluate(
    *,
    model: ModelOptions,
    data: LabeledData,
    device: Device = "auto",
    output: OutputOptions,
) -> None:
    """Measure a trained model on labelled images.

    Prints how often it is right: overall, for each domain (where the images
    come with domains) and for each class; and how much each latent domain has
    a say. Use images that the model was not trained on. Of a table with a
    split column, only the rows marked test are used, if there are any.

    \b
    Example:
      ldpf evaluate my-model labelled-new-photos
    """
    from ldpf.models.saving import read_config

    known = read_config(model.model)["class_names"]
    source = data.source()
    dataset = source.load()
    check_classes(dataset, known, model.model)
    if dataset.splits is not None and (dataset.splits == "test").any():
        dataset = dataset.subset(dataset.splits == "test")
        log.info("using the %s with split 'test'", count(len(dataset), "row"))
    classifier, frozen, config = load_trained(model.model, model.backbone, device)
    features = encode(dataset, frozen, source).features
    _warn_of_training_images(features.digest(), config.get("provenance", {}))
    report = {**measure(classifier, features), "model": str(model.model), "data": dataset.name}
    if output.as_json:
        say_json(report)
    else:
        _print(report, classifier.class_names)


def _warn_of_training_images(digest: str, origin: dict[str, Any]) -> None:
    if digest == origin.get("data_digest"):
        log.warning(
            "these are the images the model was trained on; its accuracy on new images will "
            "be lower"
        )
    if digest == origin.get("benchmark", {}).get("data_digest"):
        log.warning(
            "the model comes from a benchmark on these images and learnt from those of %s; its "
            "accuracy on new images will be lower",
            ", ".join(origin["domain_names"]),
        )


def check_classes(dataset: ImageDataset, known: Sequence[str], model: Path) -> None:
    """Refuse images of classes that the model does not have.

    Raises:
        DataError: there are such; the message lists them and the model's classes.
    """
    present = [dataset.class_names[k] for k in np.unique(dataset.labels)]
    unknown = [name for name in present if name not in set(known)]
    if not unknown:
        return
    raise DataError(
        f"The model in {str(model)!r} does not know {count(len(unknown), 'class', 'classes')} of "
        f"the data: {some([repr(name) for name in unknown])}. It knows: "
        f"{some([repr(name) for name in known])}. Give the images of its classes "
        "only, or name them as it does with --class-names FILE (lines: folder_name = name)."
    )


def measure(classifier: PromptClassifier, features: FeatureSet) -> dict[str, Any]:
    """Accuracy and weights on labelled features.

    Class ids are translated from the names of `features` to those of the model, so that data with
    fewer classes is still answered among all of the model's classes.
    """
    import torch

    from ldpf.evaluation.metrics import accuracy, confusion_counts, per_class_accuracy

    ids = {name: k for k, name in enumerate(classifier.class_names)}
    # A class without images may be unknown to the model: no label points to its -1.
    of_data = torch.tensor([ids.get(name, -1) for name in features.class_names])
    labels = of_data[features.labels]
    predictions = classifier.logits(features.features).argmax(dim=1)
    weights = classifier.domain_weights(features.features)
    n_classes = len(classifier.class_names)
    images = torch.bincount(labels, minlength=n_classes).tolist()
    by_class = per_class_accuracy(predictions, labels, n_classes)
    per_domain = None
    if features.domains is not None:
        per_domain = {}
        for d, name in enumerate(features.domain_names):
            rows = features.domains == d
            if rows.any():
                per_domain[name] = {
                    "accuracy": accuracy(predictions[rows], labels[rows]),
                    "n_test": int(rows.sum()),
                    "domain_weights": weights[rows].mean(dim=0).tolist(),
                }
    return {
        "accuracy": accuracy(predictions, labels),
        "n_test": len(features),
        "per_domain": per_domain,
        "per_class": {
            name: {"accuracy": right, "n_test": n}
            for name, right, n in zip(classifier.class_names, by_class, images, strict=True)
        },
        "confusion": confusion_counts(predictions, labels, n_classes),
        "domain_weights": weights.mean(dim=0).tolist(),
    }


def _print(report: dict[str, Any], class_names: Sequence[str]) -> None:

    say(f"Accuracy {report['accuracy']:.1%} on {count(report['n_test'], 'image')}.", style="bold")
    if report["per_domain"] is not None:
        rows = [(n, e["n_test"], e["accuracy"]) for n, e in report["per_domain"].items()]
        show(accuracy_table("domain", rows))
    rows = [(name, e["n_test"], e["accuracy"]) for name, e in report["per_class"].items()]
    present = sorted((row for row in rows if row[1]), key=lambda row: row[2])
    if len(present) <= 30:
        show(accuracy_table("class", present))
    else:
        show(accuracy_table("class (the 30 least accurate)", present[:30]))
    _print_confusions(report["confusion"], class_names)
    if len(report["domain_weights"]) > 1:
        weights = ", ".join(f"{s}: {w:.0%}" for s, w in enumerate(report["domain_weights"]))
        say(f"Mean weight of each latent domain: {weights}.")


def _print_confusions(confusion: list[list[int]], class_names: Sequence[str]) -> None:
    mistakes = [
        (n, class_names[true], class_names[seen])
        for true, row in enumerate(confusion)
        for seen, n in enumerate(row)
        if n and true != seen
    ]
    mistakes.sort(key=lambda mistake: -mistake[0])
    if mistakes:
        shown = "; ".join(f"{true} taken for {seen} ({n:,})" for n, true, seen in mistakes[:5])
        say(f"Most frequent mistakes: {shown}.")
