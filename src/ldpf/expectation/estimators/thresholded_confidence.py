"""Average thresholded confidence (ATC)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch

from ldpf.expectation.estimators.base import ESTIMATORS, Estimator, KnownSite, SiteAnswers
from ldpf.expectation.estimators.thresholds import fitted_threshold, share_above


def _confidence(answers: SiteAnswers) -> torch.Tensor:
    return answers.confidences


def _negative_entropy(answers: SiteAnswers) -> torch.Tensor:
    p = answers.probabilities
    return torch.special.xlogy(p, p).sum(dim=1)


@ESTIMATORS.register("atc")
@dataclass(frozen=True)
class ThresholdedConfidence(Estimator):
    """Share of photos with a confidence above a threshold (ATC, Garg et al., ICLR 2022).

    The threshold is the one above which the share of photos of known sites is the accuracy there.

    Attributes:
        threshold: of the largest calibrated probability.
    """

    threshold: float = 0.5
    source = "Garg et al. 2022"

    def fit(self, sites: Sequence[KnownSite]) -> Self:
        """See `Estimator.fit`."""
        return replace(self, threshold=fitted_threshold(_confidence, sites))

    def estimate(self, answers: SiteAnswers) -> float:
        """Share above the threshold."""
        return share_above(_confidence(answers), self.threshold)


@ESTIMATORS.register("atc-entropy")
@dataclass(frozen=True)
class ThresholdedEntropy(Estimator):
    """The same with negative entropy for confidence (ATC-NE, Garg et al., ICLR 2022).

    Attributes:
        threshold: of sum_k p_k log p_k.
    """

    threshold: float = -0.5
    source = "Garg et al. 2022"

    def fit(self, sites: Sequence[KnownSite]) -> Self:
        """See `Estimator.fit`."""
        return replace(self, threshold=fitted_threshold(_negative_entropy, sites))

    def estimate(self, answers: SiteAnswers) -> float:
        """Share above the threshold."""
        return share_above(_negative_entropy(answers), self.threshold)
