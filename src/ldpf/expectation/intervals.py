"""Intervals of an accuracy: for more images of the same sites, and for a site nobody has seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from scipy.stats import binomtest, t

LEVEL = 0.95
"""Level of an interval for images of the same sites."""

SITE_LEVEL = 0.8
"""Level of an interval for a new site. Few latent domains allow no higher one that says anything:
of three, a level of 95 % reaches over 4 standard deviations."""


def wilson(n_right: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's interval of a share (Wilson 1927), also where all or none are right.

    Args:
        n_right: answers that are right.
        n: answers, 1 or more.
        level: share of such intervals that hold the true share.
    """
    result = binomtest(n_right, n).proportion_ci(confidence_level=level, method="wilson")
    return float(result.low), float(result.high)


def new_draw(values: Sequence[float], level: float = SITE_LEVEL) -> tuple[float, float]:
    """Interval for one more value of the same kind: mean +- t s sqrt(1 + 1/n), Student's t.

    Args:
        values: accuracies from 0 to 1, 2 or more.
        level: share of such intervals that hold the next value, were all drawn alike from a
            normal distribution.

    Returns:
        Bounds, within 0 and 1.
    """
    n, mean = len(values), fmean(values)
    reach = float(t.ppf((1 + level) / 2, n - 1)) * stdev(values) * math.sqrt(1 + 1 / n)
    return max(mean - reach, 0.0), min(mean + reach, 1.0)
