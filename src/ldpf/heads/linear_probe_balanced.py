"""Logistic regression in which every group counts the same within every class."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch

from ldpf.heads.balance import cell_weights
from ldpf.heads.base import VISUAL_HEADS, LinearHead, VisualHead
from ldpf.heads.linear_probe import LogisticProbe
from ldpf.utils.constraints import COUNT, Number, check_fields, constraint

STRENGTH = 0.004
"""C for features of unit variance. For features of length one in 256 dimensions it is about
scikit-learn's default, C = 1. It is not chosen on validation: held-out images of the same domains
prefer a weaker penalty than a new domain does."""


@VISUAL_HEADS.register("linear-probe-balanced")
@dataclass(frozen=True)
class BalancedProbe(VisualHead):
    """Logistic regression with image weights 1 / n(s, k), of latent domain s and class k (ours).

    Everything else is `LogisticProbe`.

    Attributes:
        strength: C, scikit-learn's inverse strength of the penalty.
        max_iterations: of L-BFGS.
    """

    strength: float = field(default=STRENGTH, metadata=constraint(Number(above=0, float32=True)))
    max_iterations: int = field(default=1000, metadata=COUNT)
    balances: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_fields(self)

    def fit(
        self,
        features: torch.Tensor,
        labels: torch.Tensor,
        groups: torch.Tensor | None = None,
        *,
        n_classes: int,
        sample_weight: torch.Tensor | None = None,
    ) -> LinearHead:
        """See `VisualHead.fit`; without `groups` classes alone count the same.

        Raises:
            DataError: all images are of one class.
        """
        groups = torch.zeros_like(labels) if groups is None else groups
        weights = cell_weights(labels, groups, n_classes, sample_weight)
        return LogisticProbe(self.strength, self.max_iterations).fit(
            features, labels, n_classes=n_classes, sample_weight=weights
        )
