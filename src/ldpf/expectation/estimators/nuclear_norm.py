"""Nuclear norm of the probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ldpf.expectation.estimators.base import ESTIMATORS, Estimator, SiteAnswers


@ESTIMATORS.register("nuclear-norm")
@dataclass(frozen=True)
class NuclearNorm(Estimator):
    """||P||_* / sqrt(N min(N, K)): confident and over many classes (Deng et al., ICML 2023)."""

    source = "Deng et al. 2023"

    def estimate(self, answers: SiteAnswers) -> float:
        """From 0 to 1."""
        p = answers.probabilities
        return float(torch.linalg.svdvals(p).sum() / (len(p) * min(p.shape)) ** 0.5)
