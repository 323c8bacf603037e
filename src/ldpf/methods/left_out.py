"""What a model answers on images of a latent domain that it has not seen.

Latent domains are left out in turn (LOLDO): the images of one of them, answered by a classifier
that did not learn from it, imitate images of a new site. Everything that is measured this way
(the choice of `auto`, the expected accuracy at a new site, calibration) starts here.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import torch

from ldpf.domains.discovery import DomainDiscovery
from ldpf.domains.folds import GroupFold, leave_one_group_out
from ldpf.errors import LdpfError
from ldpf.methods.overrides import applicable, with_settings
from ldpf.methods.sides import without_prompts_of
from ldpf.methods.with_head import closed_form_discovery
from ldpf.training.recipe import Recipe
from ldpf.utils.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ldpf.backbones import Backbone
    from ldpf.domains.settings import DiscoverySettings
    from ldpf.features.feature_set import FeatureSet
    from ldpf.methods.base import Method
    from ldpf.models.base import Classifier

log = logging.getLogger("ldpf")

STEPS = 100
"""Steps of a training of prompts in a fold, at most."""

JUDGE = Recipe(
    name="judge",
    optimizer="adam",
    learning_rate=1e-2,
    image_batch=8192,
    max_steps=STEPS,
    patience=40,
    cooldown=20,
    evaluate_every=5,
)
"""How prompts are trained in a fold."""


@dataclass(frozen=True, eq=False)
class LeftOutAnswers:
    """Answers on N labeled images by models that have not seen the latent domain of the image.

    Attributes:
        logits: [N, K] float32.
        labels: [N] class ids.
        groups: [N] latent domain of each image, the one that was left out.
        indices: [N] the image's row in `train.joined(validation)`, each once.
    """

    logits: torch.Tensor
    labels: torch.Tensor
    groups: torch.Tensor
    indices: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def right(self) -> torch.Tensor:
        """Whether each answer is the label, [N] bool."""
        return self.logits.argmax(dim=1) == self.labels

    def accuracies(self) -> dict[int, float]:
        """Accuracy on each latent domain by its id; empty where none could be left out."""
        right = self.right.double()
        return {int(g): float(right[self.groups == g].mean()) for g in self.groups.unique()}


def latent_groups(
    train: FeatureSet,
    validation: FeatureSet,
    discovery: DiscoverySettings | None = None,
    *,
    seed: int = 0,
) -> tuple[torch.Tensor, torch.Tensor, int]:
    """The latent domain of each training and of each validation image, and how many there are.

    Args:
        train: images that the latent domains are found in.
        validation: other images of the same sites.
        discovery: how they are found; None for closed form (no prompts, no adversary).
        seed: of the clustering.

    Raises:
        SettingsError: `train` cannot fill the latent domains.
    """
    latent = DomainDiscovery(train, validation, discovery or closed_form_discovery(), seed).run()
    return latent.assign(train.features), latent.assign(validation.features), latent.n_domains


def usable_folds(
    train: FeatureSet,
    validation: FeatureSet,
    train_groups: torch.Tensor,
    validation_groups: torch.Tensor,
    n_groups: int,
) -> list[GroupFold]:
    """Folds that leave out one group each, without those that leave one class to learn from."""
    groups = train_groups, validation_groups
    folds = leave_one_group_out(train, validation, *groups, range(n_groups))
    return [fold for fold in folds if len(fold.judged) and len(fold.train.labels.unique()) > 1]


def left_out_classifier(
    method: Method,
    classifier: Classifier,
    fold: GroupFold,
    backbone: Backbone,
    *,
    seed: int = 0,
    steps: int = STEPS,
) -> Classifier:
    """The usual `Method.left_out`, which says what it gives.

    A classifier with a prompt for each latent domain is read without the prompts of those that are
    left out. This is an approximation: its shared tokens have learned from the images that it is
    judged on. Every other method that learns is fitted to the fold, and this one where images of
    one burst or patient (`FeatureSet.groups`) are in several latent domains; one that trains
    prompts has a short training, so it is judged below what it could do.
    """
    if not method.learns:
        return _without_passes(classifier)
    # Another prompt has learned from images of the same burst or patient as those judged by.
    others = without_prompts_of(classifier, fold) if fold.aside is None else None
    if others is not None:
        return _without_passes(others)
    short = in_a_fold(method, len(fold.train), steps)
    return short.fit(fold.train, fold.validation, backbone, seed=seed)


def in_a_fold(method: Method, n_train: int, steps: int = STEPS) -> Method:
    """The method with a short recipe, for `n_train` images, and one latent domain less."""
    part: Any = method
    known = {field.name for field in fields(part)}
    if "recipe" in known:
        most = min(steps, part.recipe.steps(n_train))
        part = replace(part, recipe=replace(JUDGE, max_steps=most))
    number = getattr(getattr(part, "discovery", None), "n_domains", None)
    if isinstance(number, int):
        fewer = applicable(part, {"discovery.n_domains": max(number - 1, 1)})
        part = with_settings(part, fewer)
    return part


@dataclass(frozen=True, eq=False)
class LeftOut:
    """A fold, and the classifier that did not learn from what it judges by.

    Attributes:
        fold: one latent domain, and all other images.
        rows: [n] row of each image of `fold.judged` in `train.joined(validation)`.
        classifier: of the other images.
    """

    fold: GroupFold
    rows: torch.Tensor
    classifier: Classifier


def left_out_classifiers(
    method: Method,
    classifier: Classifier,
    train: FeatureSet,
    validation: FeatureSet,
    backbone: Backbone,
    discovery: DiscoverySettings | None = None,
    *,
    seed: int = 0,
    steps: int = STEPS,
) -> list[LeftOut]:
    """For each latent domain a classifier that has not seen it.

    Args:
        method: with the settings that `classifier` was trained with.
        classifier: the trained one.
        train: what it was trained on.
        validation: what was held out; may be empty.
        backbone: frozen model that made the features.
        discovery: how the latent domains that are left out are found; None for closed form.
        seed: of the clustering and of the trainings in the folds.
        steps: of a training of prompts in a fold, at most.

    Returns:
        One for each latent domain that the method can do without; none where there is one only.
    """
    result = []
    with quiet():
        *groups, n_groups = latent_groups(train, validation, discovery, seed=seed)
        every_group = torch.cat(groups)
        for fold in usable_folds(train, validation, groups[0], groups[1], n_groups):
            try:
                answering = method.left_out(classifier, fold, backbone, seed=seed, steps=steps)
            except LdpfError as error:
                log.debug("latent domain %d is not left out: %s", fold.group, error)
                continue
            # The order of `fold.judged`: training images first, then validation images.
            rows = (every_group == fold.group).nonzero()[:, 0]
            result.append(LeftOut(fold, rows, answering))
    return result


def left_out_answers(
    method: Method,
    classifier: Classifier,
    train: FeatureSet,
    validation: FeatureSet,
    backbone: Backbone,
    discovery: DiscoverySettings | None = None,
    *,
    seed: int = 0,
    steps: int = STEPS,
) -> LeftOutAnswers:
    """What is answered on training and validation images of latent domains left out in turn.

    The arguments are those of `left_out_classifiers`. The answers are ordered by latent domain;
    there are none on a latent domain that the method cannot do without.
    """
    left_out = left_out_classifiers(
        method, classifier, train, validation, backbone, discovery, seed=seed, steps=steps
    )
    return answers_of(left_out, len(classifier.class_names))


def answers_of(left_out: Sequence[LeftOut], n_classes: int) -> LeftOutAnswers:
    """The answers of each classifier on the images that its fold judges by."""
    none = torch.empty(0, dtype=torch.int64)
    judged = [item.fold.judged for item in left_out]
    logits = [item.classifier.logits(item.fold.judged.features).float() for item in left_out]
    groups = [torch.full((len(item.rows),), item.fold.group) for item in left_out]
    return LeftOutAnswers(
        torch.cat([torch.empty(0, n_classes), *logits]),
        torch.cat([none, *(images.labels for images in judged)]),
        torch.cat([none, *groups]),
        torch.cat([none, *(item.rows for item in left_out)]),
    )


def _without_passes(classifier: Classifier) -> Classifier:
    """The classifier as one that took no pass through the text encoder."""
    part: Any = classifier
    return replace(part, training={**part.training, "text_passes": 0})
