"""How good a trained model is on labeled images: the work of `ldpf evaluate`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ldpf.errors import DataError
from ldpf.evaluation.alignment import AlignmentSplit, own_label_cosines, split_by_alignment
from ldpf.evaluation.batches import logits_in_batches
from ldpf.evaluation.metrics import accuracy, confusion_counts, per_class_accuracy
from ldpf.expectation.trust import Trust, measure_trust
from ldpf.experiments.recreate import is_of_benchmark, is_training_data
from ldpf.inspection.leaks import NO_LEAKS, LeakReport, go_on
from ldpf.models.saving import read_config
from ldpf.text.templates import SINGLE_TEMPLATE
from ldpf.text.zero_shot import zero_shot_features
from ldpf.utils.constraints import Number, OrNone, check_value
from ldpf.utils.text import count, some
from ldpf.utils.ways import setting
from ldpf.workflows.inputs import AnyBackbone, Images, TrainedModel, list_images, load_trained
from ldpf.workflows.leaks import check_seen, report_leaks

if TYPE_CHECKING:
    from ldpf.data import ImageDataset
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.base import Classifier

log = logging.getLogger("ldpf")


@dataclass(frozen=True)
class Evaluation:
    """Measurements of a classifier on N labeled images of S latent domains and K classes.

    Attributes:
        accuracy: share of right answers.
        n_test: N.
        per_domain: for each known domain with images, `accuracy`, `n_test` and the mean
            `domain_weights`; None where domains are unknown.
        per_class: for each of the model's classes, `accuracy` (None without images) and `n_test`.
        confusion: [K, K] images by true class (rows) and answer (columns).
        domain_weights: [S] mean fusion weight of each latent domain.
        trust: calibration error, and coverage and size of prediction sets.
        alignment: accuracy by the cosine of image and own label; None where not asked for.
    """

    accuracy: float
    n_test: int
    per_domain: dict[str, dict[str, Any]] | None
    per_class: dict[str, dict[str, Any]]
    confusion: list[list[int]]
    domain_weights: list[float]
    trust: Trust
    alignment: AlignmentSplit | None = None

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {**asdict(self), "trust": self.trust.to_json()}


@dataclass(frozen=True)
class ModelEvaluation(Evaluation):
    """An evaluation of a model folder on a dataset.

    Attributes:
        model: the folder.
        data: name of the dataset.
        leaks: images that the model was trained on.
    """

    model: str = ""
    data: str = ""
    leaks: LeakReport = NO_LEAKS

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        known = {"trust": self.trust.to_json(), "leaks": self.leaks.to_json()}
        return {**asdict(replace(self, leaks=NO_LEAKS)), **known}


def evaluate(
    model: str | Path,
    data: Images,
    *,
    backbone: AnyBackbone | None = None,
    fail_on_leaks: bool = False,
    alignment: float | None = None,
    device: str = "auto",
) -> ModelEvaluation:
    """Measure a trained model on labeled images; the log warns of images it was trained on.

    Args:
        model: a model folder.
        data: labeled images of the model's classes. If a table has splits with rows marked test,
            only these rows are used.
        backbone: where the backbone is now; None for its place during training.
        fail_on_leaks: stop if the model was trained on some of the images, or on nearly the same
            ones.
        alignment: report two accuracies: for images whose cosine with the text of their own class
            is at least this, and for the images below it; 0.21 divides DomainBed with CLIP. None
            leaves them out.
        device: "auto", "cpu" or "cuda".

    Raises:
        SettingsError: `alignment` is not a cosine.
        DataError: there are classes that the model does not have, or the images cannot be used; or
            the model was trained on some of them, with `fail_on_leaks`.
        ModelError: the folder holds no model, or another backbone is given.
    """
    check_value("alignment", alignment, OrNone(Number(at_least=-1, at_most=1)))
    known = read_config(Path(model))["class_names"]
    images = list_images(data)
    dataset = images.dataset
    check_classes(dataset, known, Path(model))
    if dataset.splits is not None and (dataset.splits == "test").any():
        dataset = dataset.subset(dataset.splits == "test")
        log.info("using the %s with split 'test'", count(len(dataset), "row"))
        images = replace(images, dataset=dataset)
    trained = load_trained(model, backbone, device)
    features = images.encode(trained.backbone).features
    leaks = _report_seen(features, trained, fail=fail_on_leaks)
    measured = measure(trained.classifier, features)
    if alignment is not None:
        measured = replace(measured, alignment=_by_alignment(trained, features, alignment))
    return ModelEvaluation(**vars(measured), model=str(model), data=dataset.name, leaks=leaks)


def _by_alignment(trained: TrainedModel, features: FeatureSet, threshold: float) -> AlignmentSplit:
    """Accuracy of a model's answers by the alignment of each image with its own label."""
    names = trained.classifier.class_names
    labels = features.with_classes_of(names).labels
    texts = zero_shot_features(names, [SINGLE_TEMPLATE], trained.backbone).cpu()
    cosines = own_label_cosines(features.features, labels, texts)
    answers = logits_in_batches(trained.classifier, features).argmax(dim=1)
    return split_by_alignment(cosines, answers == labels, threshold)


def measure(classifier: Classifier, features: FeatureSet) -> Evaluation:
    """Accuracy and weights on labeled features.

    Data with fewer classes than the model's is still answered among all of the model's classes.
    Where answers depend on the batch, see `logits_in_batches`.

    Raises:
        DataError: there are images of a class that the model does not have.
    """
    labels = features.with_classes_of(classifier.class_names).labels
    logits = logits_in_batches(classifier, features)
    predictions = logits.argmax(dim=1)
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
    return Evaluation(
        accuracy=accuracy(predictions, labels),
        n_test=len(features),
        per_domain=per_domain,
        per_class={
            name: {"accuracy": right, "n_test": n}
            for name, right, n in zip(classifier.class_names, by_class, images, strict=True)
        },
        confusion=confusion_counts(predictions, labels, n_classes),
        domain_weights=weights.mean(dim=0).tolist(),
        trust=measure_trust(classifier.expectation, logits, labels, features.domains),
    )


def check_classes(dataset: ImageDataset, known: Sequence[str], model: Path) -> None:
    """Refuse images of classes that the model does not have, before anything is encoded.

    Raises:
        DataError: there are such; the message lists them and the model's classes.
    """
    present = [dataset.class_names[k] for k in np.unique(dataset.labels)]
    unknown = [name for name in present if name not in set(known)]
    if not unknown:
        return
    raise DataError(
        f"The model in {str(model)!r} does not know {count(len(unknown), 'class', 'classes')} of "
        f"the data: {_quoted(unknown)}. It knows: {_quoted(known)}. Give the images of its classes "
        f"only, or name them as it does with {setting('class_names', 'FILE')} "
        "(lines: folder_name = name)."
    )


def _quoted(names: Sequence[str]) -> str:
    return some([repr(name) for name in names])


def _report_seen(features: FeatureSet, trained: TrainedModel, *, fail: bool) -> LeakReport:
    """Warn of images that the model was trained on, or stop because of them."""
    leaks = check_seen(features, trained.folder)
    known = _training_images(features, trained.config.get("provenance", {}))
    if known is None:
        return report_leaks(leaks, fail=fail)
    if fail:
        raise DataError(f"{known}. {go_on()}")
    log.warning("%s", known)
    return leaks


def _training_images(features: FeatureSet, origin: dict[str, Any]) -> str | None:
    """What is to be said where all images are those of the training; None where they are not."""
    if not is_training_data(features, origin):
        return None
    if not is_of_benchmark(origin):
        return (
            "these are the images the model was trained on; its accuracy on new images will be "
            "lower"
        )
    return (
        "the model comes from a benchmark on these images and learned from those of "
        f"{', '.join(origin['domain_names'])}; its accuracy on new images will be lower"
    )
