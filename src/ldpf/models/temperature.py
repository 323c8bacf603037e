"""The temperature that makes a classifier's confidence fit how often it is right."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar

BOUNDS = (0.05, 20.0)
"""Smallest and largest temperature that is looked at."""


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """T that minimizes the cross-entropy of softmax(logits / T) (Guo et al., ICML 2017, section 4).

    The cross-entropy is convex in 1 / T, so it has one minimum over log T as well.

    Args:
        logits: [N, K]; -inf for a class that is never answered.
        labels: class ids [N]. Images of a class that is never answered are left out: no temperature
            makes them likely.

    Returns:
        T between 0.05 and 20; 1 where no image is left.
    """
    logits = logits.double()
    answered = torch.isfinite(logits.gather(1, labels[:, None])[:, 0])
    logits, labels = logits[answered], labels[answered]
    if not len(labels):
        return 1.0

    def loss(log_t: float) -> float:
        return float(F.cross_entropy(logits / math.exp(log_t), labels))

    result = minimize_scalar(loss, bounds=tuple(np.log(BOUNDS)), method="bounded")
    return math.exp(float(result.x))
