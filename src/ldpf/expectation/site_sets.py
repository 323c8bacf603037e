"""Prediction sets for the photos of one site, calibrated on these photos without their labels."""

from __future__ import annotations

import math

import torch
from scipy.optimize import root_scalar

BOUNDS = (0.02, 50.0)
"""Smallest and largest factor of the temperature that is looked at."""


def site_sets(probabilities: torch.Tensor, coverage: float, accuracy: float) -> torch.Tensor:
    """Sets that hold the true class of a share of `coverage` of a site's photos (ours).

    Probabilities are made sharper or softer until their mean confidence is the accuracy that was
    estimated for the site. Sets then hold every class above the probability for which the
    probabilities in all sets add up to `coverage` for each photo on average.

    Unlike conformal sets they rest on an estimate, and no theorem stands behind them; and the set
    of a photo depends on the other photos. But they follow the site: where a model does well sets
    are small, and where it fails they are large.

    Args:
        probabilities: [N, K].
        coverage: between 0 and 1.
        accuracy: estimated on the same photos.

    Returns:
        [N, K] bool; each set holds the answer.
    """
    matched = with_confidence(probabilities.double(), accuracy)
    values = matched.flatten().sort(descending=True).values
    covered = values.cumsum(dim=0) / len(matched)
    index = min(int((covered < coverage - 1e-12).sum()), len(values) - 1)
    result = matched >= values[index]
    return result.scatter(1, matched.argmax(dim=1, keepdim=True), True)


def with_confidence(probabilities: torch.Tensor, confidence: float) -> torch.Tensor:
    """The same probabilities at the temperature at which their largest are `confidence` on average.

    Args:
        probabilities: [N, K] float64.
        confidence: from 0 to 1; the nearest that a temperature within `BOUNDS` gives is taken.
    """
    logs = probabilities.clamp_min(1e-300).log()

    def excess(log_t: float) -> float:
        sharpened = (logs / math.exp(log_t)).softmax(dim=1)
        return float(sharpened.max(dim=1).values.mean()) - confidence

    low, high = map(math.log, BOUNDS)
    if excess(low) <= 0:
        root = low
    elif excess(high) >= 0:
        root = high
    else:
        root = float(root_scalar(excess, bracket=(low, high), xtol=1e-4).root)
    return (logs / math.exp(root)).softmax(dim=1)
