"""Fit on a sample of very many images: the others are assigned afterwards, in blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

MAX_FIT_SAMPLES = 20_000
"""k-means is fitted on at most this many images; the others are assigned afterwards.

Up to this number the fit is exact. Beyond it, centroids are means of about `MAX_FIT_SAMPLES / S`
images each, whose own sampling error is below a hundredth of the spread within a domain.
"""

BLOCK = 16_384
"""Rows that are worked on at once in double precision, so that memory stays bounded."""


def sample_rows(points: torch.Tensor, seed: int) -> torch.Tensor:
    """`points` [N, Z], or `MAX_FIT_SAMPLES` of them in their order where there are more."""
    if len(points) <= MAX_FIT_SAMPLES:
        return points
    chosen = np.random.default_rng(seed).choice(len(points), MAX_FIT_SAMPLES, replace=False)
    return points[torch.from_numpy(np.sort(chosen))]


def blocks(points: torch.Tensor) -> Iterator[torch.Tensor]:
    """The rows of `points` [N, Z] in order, `BLOCK` of them at once."""
    yield from points.split(BLOCK)
