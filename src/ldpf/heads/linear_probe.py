"""Logistic regression on image features."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from ldpf.errors import DataError
from ldpf.heads.base import VISUAL_HEADS, LinearHead, VisualHead
from ldpf.utils.constraints import COUNT, Number, check_fields, constraint


@VISUAL_HEADS.register("linear-probe")
@dataclass(frozen=True)
class LogisticProbe(VisualHead):
    """Multinomial logistic regression with an L2 penalty, by L-BFGS.

    Features are centered and divided by one number, their root mean variance, so that the strength
    means the same for every backbone: features in another scale give the same answers.

    Attributes:
        strength: C, scikit-learn's inverse strength of the penalty.
        max_iterations: of L-BFGS.
    """

    strength: float = field(default=1.0, metadata=constraint(Number(above=0, float32=True)))
    max_iterations: int = field(default=1000, metadata=COUNT)

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
        """See `VisualHead.fit`; `groups` have no effect.

        Raises:
            DataError: all images are of one class.
        """
        (head,) = fit_path(
            features,
            labels,
            [self.strength],
            n_classes=n_classes,
            max_iterations=self.max_iterations,
            sample_weight=sample_weight,
        )
        return head


def fit_path(
    features: torch.Tensor,
    labels: torch.Tensor,
    strengths: Sequence[float],
    *,
    n_classes: int,
    max_iterations: int = 1000,
    sample_weight: torch.Tensor | None = None,
) -> Iterator[LinearHead]:
    """One `LogisticProbe` for each strength, each starting where the one before ended.

    Args:
        features: [N, D].
        labels: [N] int64.
        strengths: values of C, from the strongest penalty to the weakest.
        n_classes: K.
        max_iterations: of L-BFGS, for each strength.
        sample_weight: [N]; None for ones.

    Raises:
        DataError: all images are of one class.
    """
    seen = len(torch.unique(labels))
    if seen < 2:
        raise DataError(
            f"A linear probe needs training images of at least 2 classes, but these are of {seen}; "
            "give images of more classes."
        )
    mean = features.mean(dim=0)
    spread = float(features.var(dim=0, unbiased=False).mean().sqrt().clamp_min(1e-12))
    inputs = ((features - mean) / spread).double().numpy()
    weights = None if sample_weight is None else sample_weight.double().numpy()
    model = LogisticRegression(max_iter=max_iterations, warm_start=True)
    for strength in strengths:
        model.C = strength
        # One thread: the sums of several come in no fixed order, and bits must repeat.
        with threadpool_limits(limits=1), warnings.catch_warnings():
            warnings.simplefilter("ignore", category=ConvergenceWarning)
            model.fit(inputs, labels.numpy(), weights)
        yield _unscaled(model, mean, spread, n_classes)


def _unscaled(
    model: LogisticRegression, mean: torch.Tensor, spread: float, n_classes: int
) -> LinearHead:
    """The fitted model with all classes, reading features as they are."""
    coefficients, intercept = torch.tensor(model.coef_), torch.tensor(model.intercept_)
    if len(model.classes_) == 2:  # one row, for the second class against the first
        coefficients = torch.cat([-coefficients, coefficients]) / 2
        intercept = torch.cat([-intercept, intercept]) / 2
    rows = torch.tensor(model.classes_)
    weight = torch.zeros(n_classes, len(mean), dtype=torch.double)
    bias = torch.full((n_classes,), -torch.inf, dtype=torch.double)
    weight[rows] = coefficients / spread
    bias[rows] = intercept - weight[rows] @ mean.double()
    return LinearHead(weight, bias)
