"""Agreement of the model with another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Self

from ldpf.expectation.estimators.base import ESTIMATORS, Estimator, KnownSite, SiteAnswers
from ldpf.expectation.estimators.thresholds import mean_accuracy


@ESTIMATORS.register("agreement")
@dataclass(frozen=True)
class Agreement(Estimator):
    """Accuracy of known sites, plus the change of agreement with a discriminant on the features.

    Two models that agree as often as they are right would make agreement itself the estimate (GDE,
    Jiang et al., ICLR 2022). A discriminant on the same features agrees more often than that, so
    only the change counts, with slope 1, as on the line of Baek et al. (NeurIPS 2022).

    Attributes:
        accuracy: mean accuracy of the known sites.
        agreement: mean share of photos there on which both give one answer.
    """

    accuracy: float = 0.5
    agreement: float = 0.5
    source = "Jiang et al. 2022, Baek et al. 2022"

    def fit(self, sites: Sequence[KnownSite]) -> Self:
        """See `Estimator.fit`."""
        agreement = fmean(_agreement(site.answers) for site in sites)
        return replace(self, accuracy=mean_accuracy(sites), agreement=agreement)

    def estimate(self, answers: SiteAnswers) -> float:
        """Within 0 and 1."""
        change = _agreement(answers) - self.agreement
        return min(max(self.accuracy + change, 0.0), 1.0)


def _agreement(answers: SiteAnswers) -> float:
    same = answers.logits.argmax(dim=1) == answers.second_logits.argmax(dim=1)
    return float(same.double().mean())
