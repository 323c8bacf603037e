"""Plain confidence: what the model itself believes."""

from __future__ import annotations

from dataclasses import dataclass

from ldpf.expectation.estimators.base import ESTIMATORS, Estimator, SiteAnswers


@ESTIMATORS.register("confidence")
@dataclass(frozen=True)
class Confidence(Estimator):
    """Mean probability of the answers, as the model gives it before any calibration."""

    source = "Hendrycks & Gimpel 2017"

    def estimate(self, answers: SiteAnswers) -> float:
        """Mean of max_k softmax(logits)_k."""
        return float(answers.logits.double().softmax(dim=1).max(dim=1).values.mean())
