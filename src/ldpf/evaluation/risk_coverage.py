"""Risk and coverage: how many answers are wrong where only the surest are given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """The curve of a classifier that may decline to answer (El-Yaniv & Wiener, JMLR 2010).

    Attributes:
        coverage: [M] share of images that are answered, rising to 1.
        risk: [M] share of wrong answers among them.
        area: mean risk over all coverages (AURC, Geifman et al., ICLR 2019); smaller is better.
    """

    coverage: np.ndarray
    risk: np.ndarray
    area: float

    def at(self, coverage: float) -> float:
        """Risk where a share of images is answered, the nearest above `coverage`."""
        return float(self.risk[min(np.searchsorted(self.coverage, coverage), len(self.risk) - 1)])


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> RiskCoverage:
    """The curve over all thresholds of confidence.

    Images of the same confidence are answered together or not at all, so that the order of images
    does not matter. Where k of them are tied, each stands for one of the coverages in between.

    Args:
        confidence: [N] of each answer, N of 1 or more.
        right: [N] boolean.
    """
    order = np.argsort(-confidence, kind="stable")
    wrong = np.cumsum(~right[order].astype(bool))
    answered = np.arange(1, len(order) + 1)
    last = np.append(np.diff(confidence[order]) != 0, True)
    coverage, risk = answered[last] / len(order), wrong[last] / answered[last]
    sizes = np.diff(np.append(0, answered[last]))
    return RiskCoverage(coverage, risk, float((risk * sizes).sum() / len(order)))
