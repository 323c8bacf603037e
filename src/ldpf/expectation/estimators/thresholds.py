"""The threshold above which scores of known sites are as many as right answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

import torch

from ldpf.expectation.estimators.base import KnownSite, SiteAnswers

Score = Callable[[SiteAnswers], torch.Tensor]
"""One number for each image, [N]: the larger, the surer is the model."""


def mean_accuracy(sites: Sequence[KnownSite]) -> float:
    """Mean over sites."""
    return fmean(site.accuracy for site in sites)


def fitted_threshold(score: Score, sites: Sequence[KnownSite]) -> float:
    """The score that a share of images exceeds which is the accuracy, each site counting the same.

    Args:
        score: of each image.
        sites: with known labels.
    """
    scores = [score(site.answers) for site in sites]
    shares = torch.cat([torch.full((len(s),), 1 / len(s), dtype=torch.float64) for s in scores])
    values, order = torch.cat(scores).double().sort()
    below = shares[order].cumsum(dim=0) / len(sites)
    # The first image at which enough are left behind it; a little slack for rounding.
    index = int((below < 1 - mean_accuracy(sites) - 1e-9).sum())
    if mean_accuracy(sites) >= 1 - 1e-9:
        return float(values[0]) - 1e-9
    return float(values[min(index, len(values) - 1)])


def share_above(scores: torch.Tensor, threshold: float) -> float:
    """Share of scores [N] above a threshold."""
    return float((scores > threshold).double().mean())
