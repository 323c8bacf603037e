"""Difference of confidences (DoC)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Self

from ldpf.expectation.estimators.base import ESTIMATORS, Estimator, KnownSite, SiteAnswers
from ldpf.expectation.estimators.thresholds import mean_accuracy


@ESTIMATORS.register("doc")
@dataclass(frozen=True)
class DifferenceOfConfidences(Estimator):
    """Accuracy of known sites plus the change of mean confidence (DoC, Guillory et al. 2021).

    Attributes:
        accuracy: mean accuracy of the known sites.
        confidence: their mean calibrated confidence.
    """

    accuracy: float = 0.5
    confidence: float = 0.5
    source = "Guillory et al. 2021"

    def fit(self, sites: Sequence[KnownSite]) -> Self:
        """See `Estimator.fit`."""
        confidence = fmean(float(site.answers.confidences.mean()) for site in sites)
        return replace(self, accuracy=mean_accuracy(sites), confidence=confidence)

    def estimate(self, answers: SiteAnswers) -> float:
        """Within 0 and 1."""
        change = float(answers.confidences.mean()) - self.confidence
        return min(max(self.accuracy + change, 0.0), 1.0)
