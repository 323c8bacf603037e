"""Fit on a sample of very many images: the others are assigned afterwards."""

from __future__ import annotations

import numpy as np

MAX_FIT_SAMPLES = 20_000
"""k-means is fitted on at most this many images; the others are assigned afterwards."""


def sample_rows(points: np.ndarray, seed: int) -> np.ndarray:
    """`points` [N, Z], or `MAX_FIT_SAMPLES` of them in their order where there are more."""
    if len(points) <= MAX_FIT_SAMPLES:
        return points
    chosen = np.random.default_rng(seed).choice(len(points), MAX_FIT_SAMPLES, replace=False)
    return points[np.sort(chosen)]
