"""Calibration: whether answers with a confidence of 80% are right in 80% of the cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 10
"""Bins of equal width between 0 and 1."""


@dataclass(frozen=True)
class Reliability:
    """Images by the confidence of their answer, in B bins of equal width.

    Attributes:
        count: [B] images, int64.
        confidence: [B] mean probability of the answer; NaN for an empty bin.
        accuracy: [B] share of right answers; NaN for an empty bin.
    """

    count: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of confidence and accuracy, from 0 to 1.

        Each bin counts by its images (Guo, Pleiss, Sun, Weinberger, ICML 2017, equation 3). 0 where
        there are no images.
        """
        filled = self.count > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float((gaps * self.count[filled]).sum() / max(self.count.sum(), 1))


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> Reliability:
    """Sort answers into bins by their confidence.

    Args:
        confidence: [N] probability of each answer, from 0 to 1.
        right: [N] boolean, whether the answer is right.
        bins: B, of equal width; a confidence on a border counts to the bin below it.
    """
    index = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    count = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean_confidence = np.bincount(index, weights=confidence, minlength=bins) / count
        accuracy = np.bincount(index, weights=right.astype(float), minlength=bins) / count
    return Reliability(count, mean_confidence, accuracy)
