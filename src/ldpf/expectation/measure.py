"""Measuring what to expect of a model, right after it was trained."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import torch

from ldpf.errors import LdpfError
from ldpf.expectation.accuracies import HeldOut, LeftOutDomain, new_site_of
from ldpf.expectation.conformal import ConformalSets
from ldpf.expectation.estimators.base import KnownSite, SiteAnswers
from ldpf.expectation.expectation import Expectation
from ldpf.expectation.nearness import Nearness
from ldpf.expectation.odd_pictures import odd_features
from ldpf.expectation.outside import Outside
from ldpf.expectation.site_estimate import (
    SiteEstimator,
    class_shares,
    known_sites,
    second_head,
)
from ldpf.methods.left_out import answers_of, left_out_classifiers
from ldpf.models.temperature import fit_temperature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.methods import Method
    from ldpf.methods.left_out import LeftOut, LeftOutAnswers
    from ldpf.models.base import Classifier

log = logging.getLogger("ldpf")


def with_expectation(
    method: Method,
    classifier: Classifier,
    train: FeatureSet,
    validation: FeatureSet,
    backbone: Backbone,
    *,
    seed: int = 0,
) -> Classifier:
    """The classifier with what to expect of it; as it is where its images do not allow that.

    The arguments are those of `measure_expectation`; a warning says why nothing was measured.
    """
    log.info("measuring what to expect of the model at a new site")
    try:
        measured = measure_expectation(method, classifier, train, validation, backbone, seed=seed)
    except LdpfError as error:
        log.warning("what to expect of the model could not be measured: %s", error)
        return classifier
    return classifier.with_expectation(measured)


def measure_expectation(
    method: Method,
    classifier: Classifier,
    train: FeatureSet,
    validation: FeatureSet,
    backbone: Backbone,
    left_out: Sequence[LeftOut] | None = None,
    *,
    seed: int = 0,
) -> Expectation:
    """What to expect of a trained classifier; `classifier.with_expectation` keeps it.

    Args:
        method: with the settings that `classifier` was trained with.
        classifier: trained on `train`.
        train: its training images.
        validation: images of the same sites that were held out; may be empty.
        backbone: that made the features.
        left_out: classifiers of the folds where they are known already; None trains them.
        seed: of the clustering and of the trainings in the folds.
    """
    started = time.monotonic()
    if left_out is None:
        left_out = left_out_classifiers(method, classifier, train, validation, backbone, seed=seed)
    answers = answers_of(left_out, len(classifier.class_names))
    held_out_logits = classifier.logits(validation.features).float()
    if len(answers):
        temperature = fit_temperature(answers.logits, answers.labels)
    else:
        temperature = fit_temperature(held_out_logits, validation.labels)
    conformal = ConformalSets.measure(
        ((held_out_logits / temperature).softmax(dim=1), validation.labels),
        ((answers.logits / temperature).softmax(dim=1), answers.labels, answers.groups),
    )
    images = train.joined(validation)
    outside = Outside.measure(images.features, images.labels, odd_features(backbone), left_out)
    sites = known_sites(left_out, temperature)
    n_classes = len(classifier.class_names)
    second = second_head(train.features, train.labels, n_classes)
    shares = class_shares(train.labels, n_classes)
    if not sites and len(validation):
        logits = second.logits(validation.features)
        held_out = SiteAnswers(held_out_logits, logits, temperature, shares)
        sites = [KnownSite(held_out, validation.labels)]
    return Expectation(
        temperature,
        _held_out(held_out_logits, validation.labels),
        new_site_of(_domains(answers)),
        conformal,
        outside,
        SiteEstimator.measure(sites, second, shares),
        _nearness(classifier, images, answers),
        time.monotonic() - started,
    )


def _held_out(logits: torch.Tensor, labels: torch.Tensor) -> HeldOut | None:
    right = int((logits.argmax(dim=1) == labels).sum())
    return HeldOut(right, len(labels)) if len(labels) else None


def _nearness(classifier: Classifier, images: FeatureSet, answers: LeftOutAnswers) -> Nearness:
    """Of the latent domains of the model; of those left out where it has fewer than two."""
    latent = classifier.latent
    if latent is not None and latent.n_domains > 1:
        return Nearness.measure(images.features, latent.assign(images.features))
    return Nearness.measure(images.features[answers.indices], answers.groups)


def _domains(answers: LeftOutAnswers) -> list[LeftOutDomain]:
    sizes = torch.bincount(answers.groups) if len(answers) else torch.empty(0)
    return [
        LeftOutDomain(domain, accuracy, int(sizes[domain]))
        for domain, accuracy in answers.accuracies().items()
    ]
