"""Images whose label is probably wrong."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from ldpf.data.groups import group_ids
from ldpf.doctor.base import SIGNS, Measurement, NotMeasured, Sign, Unit
from ldpf.doctor.case import Case
from ldpf.expectation.intervals import wilson
from ldpf.heads.linear_probe_balanced import BalancedProbe
from ldpf.utils.seed import generator

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet

FOLDS = 5

SUREST = 0.1
"""Share of the images that the estimate is made on: those the probe is surest of in each class."""

FEWEST = 50
"""So many images at least are looked at, where that is not too large a share of them."""

LARGEST = 0.3
"""Share of the images that the estimate may be made on where there are few."""

SHOWN = 10
"""Images that are named."""


@SIGNS.register("label-errors", title="Label errors", order=90, serious=True, quick=True)
@dataclass(frozen=True)
class LabelErrors(Sign):
    """A probe that was not trained on an image is certain of another class than its label.

    The probe is logistic regression balanced over latent domain and class, cross-validated in five
    folds. It is wrong about hard images too, but hardly about those it is surest of: there the
    share of other labels is near the share of wrong labels in the data. The figure is the lower end
    of that share's 95% interval (Wilson), over the surest tenth of each class that it answers
    (ours; of each, since where one class has all the wrong labels the probe is less sure of it).

    The images named are those of confident learning (Northcutt, Jiang, Chuang, JAIR 2021, section
    3.1): an image counts for class k if its probability of k is at least the mean probability of k
    among images labeled k.
    """

    threshold: float = 0.005
    meaning: ClassVar[str] = (
        "Some labels are wrong: the model learns the errors, and accuracy is measured against them."
    )
    unit: ClassVar[Unit] = Unit.SHARE

    def measure(self, case: Case) -> Measurement:
        """Cross-validate a probe on training and held-out images; see `Sign.measure`."""
        images = case.training
        if case.held_out is not None and len(case.held_out):
            images = images.joined(case.held_out)
        if len(images) > case.most_images:
            draws = generator(case.seed, "label errors")
            picked = torch.randperm(len(images), generator=draws)[: case.most_images]
            images = images.subset(picked.sort().values)
        groups = case.latent_groups_of(images).ids
        probabilities = cross_validated(
            images.features, images.labels, groups, case.seed, together=images.groups
        )
        best, answers = probabilities.max(dim=1)
        share = max(SUREST, FEWEST / len(images))
        if share > LARGEST:
            raise NotMeasured(f"{len(images)} images are too few to tell hard ones from wrong ones")
        surest = surest_of_each(best, answers, share)
        wrong = int((answers[surest] != images.labels[surest]).sum())
        low, high = wilson(wrong, len(surest))
        words = (
            f"about {wrong / len(surest):.1%} of labels are wrong ({low:.1%} to {high:.1%}): "
            f"{wrong:,} of the {len(surest):,} images that a cross-validated probe is surest of "
            "have another label"
        )
        rows, details = suspects(images, probabilities)
        return Measurement(low, words, details[:SHOWN], {"rows": rows})

    def next_step(self, case: Case, measurement: Measurement) -> str:
        """List the images to look at, correct their labels and train again."""
        return f"ldpf diagnose {case.model_path} --signs label-errors --json"


def cross_validated(
    features: torch.Tensor,
    labels: torch.Tensor,
    groups: torch.Tensor,
    seed: int,
    *,
    together: np.ndarray | None = None,
) -> torch.Tensor:
    """Probabilities [N, K] of a balanced probe that did not see the image.

    Args:
        features: [N, D].
        labels: [N].
        groups: [N] latent domains.
        seed: of the folds.
        together: [N] names of bursts, patients and the like (`FeatureSet.groups`), of which the
            probe saw no other image either; None where there are none.

    Raises:
        NotMeasured: fewer than two classes have two images, or all images are in one group.
    """
    counts = torch.bincount(labels)
    if int((counts >= 2).sum()) < 2:
        raise NotMeasured("there are fewer than two classes with two images")
    n_classes = len(counts)
    result = torch.zeros(len(labels), n_classes, dtype=torch.double)
    ids = None if together is None else group_ids(together)
    most = int(counts.max()) if ids is None else min(int(counts.max()), len(np.unique(ids)))
    if most < 2:
        raise NotMeasured("all images are in one group")
    kind = StratifiedKFold if ids is None else StratifiedGroupKFold
    folds = kind(min(FOLDS, most), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class with fewer images than folds is missing in some, which is no fault here.
        warnings.simplefilter("ignore", category=UserWarning)
        split = list(folds.split(np.zeros(len(labels)), labels.numpy(), ids))
    for fit, use in split:
        head = BalancedProbe().fit(features[fit], labels[fit], groups[fit], n_classes=n_classes)
        result[use] = torch.softmax(head.logits(features[use]).double(), dim=1)
    return result


def surest_of_each(confidence: torch.Tensor, answers: torch.Tensor, share: float) -> torch.Tensor:
    """Rows of the images with the highest confidence [N] among those of the same answer [N].

    Args:
        share: of the images of each answer, rounded up.
    """
    rows = []
    for k in answers.unique():
        of_class = (answers == k).nonzero()[:, 0]
        order = confidence[of_class].argsort(descending=True, stable=True)
        rows.append(of_class[order[: math.ceil(share * len(of_class))]])
    return torch.cat(rows)


def suspects(images: FeatureSet, probabilities: torch.Tensor) -> tuple[list[int], tuple[str, ...]]:
    """Images that count for another class than their label, the least likely label first.

    Args:
        images: N labeled images.
        probabilities: [N, K], of a classifier that did not see the image.

    Returns:
        Their rows, and a line for each.
    """
    sure = confident_class(probabilities, images.labels)
    own = probabilities.gather(1, images.labels[:, None])[:, 0]
    rows = ((sure >= 0) & (sure != images.labels)).nonzero()[:, 0]
    rows = rows[own[rows].argsort(stable=True)].tolist()
    names, labels = images.class_names, images.labels.tolist()
    lines = (
        f"{images.paths[i]}: labeled {names[labels[i]]!r}, probably {names[int(sure[i])]!r} "
        f"(probability of the label {own[i]:.1%})"
        for i in rows
    )
    return rows, tuple(lines)


def confident_class(probabilities: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The class that each image counts for, [N]; -1 for none.

    Args:
        probabilities: [N, K], of a classifier that did not see the image.
        labels: [N].
    """
    n_classes = probabilities.shape[1]
    own = probabilities.gather(1, labels[:, None])[:, 0]
    counts = torch.bincount(labels, minlength=n_classes)
    thresholds = torch.bincount(labels, own, minlength=n_classes) / counts.clamp_min(1)
    thresholds[counts == 0] = torch.inf  # a class without images is answered for none
    reached = probabilities.where(probabilities >= thresholds, -1.0)
    best = reached.max(dim=1)
    return best.indices.where(best.values >= 0, -1)
