"""Log-probabilities of several classifiers added, each calibrated and with its share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ldpf.models.base import Classifier
from ldpf.models.combined_classifier import CombinedClassifier
from ldpf.models.temperature import fit_temperature

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet


def combine(
    method: str,
    members: Sequence[Classifier],
    images: FeatureSet,
    shares: Sequence[float] | None = None,
) -> CombinedClassifier:
    """Calibrate classifiers on labeled images and add them.

    Args:
        method: name of the method that the result goes by.
        members: classifiers of the same classes.
        images: that the temperatures are fitted to: validation images, or the training images where
            there are none.
        shares: of each member, with the sum 1; None for equal ones.

    Returns:
        The combination, with the temperatures among what training reports.
    """
    temperatures = tuple(
        fit_temperature(member.logits(images.features), images.labels) for member in members
    )
    shares = shares or [1 / len(members)] * len(members)
    return CombinedClassifier(
        method,
        tuple(images.class_names),
        tuple(members),
        temperatures,
        tuple(shares),
        training={
            "members": [member.method for member in members],
            "temperatures": list(temperatures),
            "shares": list(shares),
        },
    )
