"""Measuring what to expect of a model, where its images allow it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ldpf.errors import LdpfError
from ldpf.expectation import measure_expectation

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.methods import Method
    from ldpf.models.base import Classifier

log = logging.getLogger("ldpf")

ADVICE = "advice"
"""Where a model's provenance keeps what it was compared with."""


def with_expectation(
    method: Method,
    classifier: Classifier,
    train: FeatureSet,
    validation: FeatureSet,
    backbone: Backbone,
    seed: int,
) -> Classifier:
    """The classifier with what to expect of it; as it is where the images do not allow that.

    Args:
        method: with the settings that `classifier` was trained with.
        classifier: trained on `train`.
        train: its training images.
        validation: those held out; may be empty.
        backbone: that made the features.
        seed: of the training.
    """
    log.info("measuring what to expect of the model at a new site")
    try:
        measured = measure_expectation(method, classifier, train, validation, backbone, seed=seed)
    except LdpfError as error:
        log.warning("what to expect of the model could not be measured: %s", error)
        return classifier
    return classifier.with_expectation(measured)
