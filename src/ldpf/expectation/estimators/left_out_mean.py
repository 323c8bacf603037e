"""The mean over latent domains left out, whatever the photos are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from ldpf.expectation.estimators.base import ESTIMATORS, Estimator, KnownSite, SiteAnswers
from ldpf.expectation.estimators.thresholds import mean_accuracy


@ESTIMATORS.register("left-out-mean")
@dataclass(frozen=True)
class LeftOutMean(Estimator):
    """Average accuracy on latent domains left out; it does not use the photos (ours).

    Attributes:
        accuracy: the mean.
    """

    accuracy: float = 0.5
    source = "ours"

    def fit(self, sites: Sequence[KnownSite]) -> Self:
        """See `Estimator.fit`."""
        return replace(self, accuracy=mean_accuracy(sites))

    def estimate(self, answers: SiteAnswers) -> float:
        """The mean."""
        return self.accuracy
