"""Confidence after photos are assigned to classes whose shares are about those of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import torch
from scipy.optimize import linear_sum_assignment

from ldpf.expectation.estimators.base import ESTIMATORS, Estimator, KnownSite, SiteAnswers
from ldpf.expectation.estimators.thresholds import fitted_threshold, share_above
from ldpf.utils.constraints import Number, check_fields, constraint

MOST = 400
"""Photos that are assigned, evenly spaced among all; the time grows with their square."""

SLACK = 0.5
"""How many more photos than expected a class may have, as a share; chosen over PACS, the demo
images and generated shifts, whose labels were looked at (docs/trust.md)."""


def assigned_probabilities(answers: SiteAnswers, slack: float) -> torch.Tensor:
    """The probability of the class that each photo is assigned to, so that their sum is largest.

    A class may take its expected share of the photos, times 1 + slack, and one standard deviation
    of chance on top where slack is allowed at all. Expected shares lie half way between those among
    the training images and equal ones.

    A model that fails at a site often gives most photos a few classes with much confidence. Where
    these classes are full, photos go to others, with little probability.

    Args:
        answers: on N photos.
        slack: 0 or more.

    Returns:
        [min(N, MOST)] float64.
    """
    rows = torch.linspace(0, len(answers) - 1, min(len(answers), MOST)).round().long()
    probabilities = answers.probabilities[rows]
    n, n_classes = probabilities.shape
    expected = n * (answers.shares.double() + 1 / n_classes) / 2
    chance = expected.sqrt() if slack > 0 else torch.zeros_like(expected)
    room = (expected * (1 + slack) + chance - 1e-9).ceil().clamp(0, n).long()
    places = torch.repeat_interleave(torch.arange(n_classes), room)
    offered = probabilities[:, places].numpy()
    photos, chosen = linear_sum_assignment(offered, maximize=True)
    return torch.from_numpy(offered[photos, chosen])


@ESTIMATORS.register("transport")
@dataclass(frozen=True)
class ConfidenceTransport(Estimator):
    """Mean probability of assigned classes, with no slack (COT, Lu et al., NeurIPS 2023).

    The cost of moving a photo's probabilities to a class k is 1 - p_k, its distance in total
    variation.
    """

    source = "Lu et al. 2023"

    def estimate(self, answers: SiteAnswers) -> float:
        """1 minus the mean cost."""
        return float(assigned_probabilities(answers, 0.0).mean())


@ESTIMATORS.register("thresholded-transport")
@dataclass(frozen=True)
class ThresholdedTransport(Estimator):
    """Share of photos whose assigned class has a probability above a threshold, with slack.

    COTT of Lu et al. (NeurIPS 2023), but class shares at the site may differ from those in training
    (ours): without slack, every other mixture of classes counts as a failure of the model.

    Attributes:
        threshold: above which the share on known sites is the accuracy there.
        slack: how much more photos than expected a class may have, as a share.
    """

    threshold: float = 0.5
    slack: float = field(default=SLACK, metadata=constraint(Number(at_least=0)))
    source = "Lu et al. 2023, with slack (ours)"

    def __post_init__(self) -> None:
        check_fields(self)

    def fit(self, sites: Sequence[KnownSite]) -> Self:
        """See `Estimator.fit`."""
        return replace(self, threshold=fitted_threshold(self._scores, sites))

    def estimate(self, answers: SiteAnswers) -> float:
        """Share above the threshold."""
        return share_above(self._scores(answers), self.threshold)

    def _scores(self, answers: SiteAnswers) -> torch.Tensor:
        return assigned_probabilities(answers, self.slack)
