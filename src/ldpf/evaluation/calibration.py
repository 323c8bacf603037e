"""Calibration: whether an answer that is 80% sure is right in 80% of the cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 10


@dataclass(frozen=True)
class Reliability:
    """Images by how sure the answer was, in bins of equal width.

    Attributes:
        count: [bins] images.
        confidence: [bins] mean probability of the answer; NaN for an empty bin.
        accuracy: [bins] share of right answers; NaN for an empty bin.
    """

    count: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of confidence and accuracy, from 0 to 1.

        Each bin counts by its images (Guo et al. 2017, equation 3).
        """
        filled = self.count > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float((gaps * self.count[filled]).sum() / max(self.count.sum(), 1))


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> Reliability:
    """Sort answers into bins by their confidence.

    Args:
        confidence: [N] from 0 to 1.
        right: [N] boolean.
        bins: of equal width; a confidence on a border counts to the bin below it.
    """
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        sure = np.bincount(place, weights=confidence, minlength=bins) / count
        hit = np.bincount(place, weights=right.astype(float), minlength=bins) / count
    return Reliability(count, sure, hit)
