"""Linear probe: logistic regression on image features, no text at all."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from ldpf.errors import DataError
from ldpf.methods.base import METHODS, Method
from ldpf.models.linear_classifier import LinearClassifier
from ldpf.utils.constraints import COUNT, Each, Number, check_fields, constraint

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.training.loop import RunRecord

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Values of C, scikit-learn's inverse strength of the L2 penalty, for features of unit variance."""


@METHODS.register("linear-probe")
@dataclass(frozen=True)
class LinearProbe(Method):
    """Linear probe (Radford et al. 2021): logistic regression on image features, no text.

    Multinomial logistic regression on the frozen image features with an L2 penalty, by L-BFGS. As
    there, the penalty's strength is chosen on validation, from a small grid instead of their sweep
    over 96 values; of equally good ones the strongest penalty is taken. Features are centred and
    divided by one number, their root mean variance, so that the strength means the same for every
    backbone: features in another scale give the same answers.

    Attributes:
        strengths: the grid of C, from the strongest penalty to the weakest.
        max_iterations: of L-BFGS, for each strength.
    """

    name: str = "linear-probe"
    strengths: tuple[float, ...] = field(
        default=STRENGTHS, metadata=constraint(Each(Number(above=0)))
    )
    max_iterations: int = field(default=1000, metadata=COUNT)

    def __post_init__(self) -> None:
        check_fields(self)

    def fit(
        self,
        train: FeatureSet,
        validation: FeatureSet,
        backbone: Backbone,
        *,
        seed: int = 0,
        record: RunRecord | None = None,
    ) -> LinearClassifier:
        """Fit every strength on `train`, keep the one that is best on `validation`.

        Nothing is drawn, so `seed` has no effect.

        Raises:
            DataError: all training images are of one class.
        """
        n_classes = len(torch.unique(train.labels))
        if n_classes < 2:
            raise DataError(
                f"A linear probe needs training images of at least 2 classes, but these are of "
                f"{n_classes}; give images of more classes."
            )
        judged = validation if len(validation) else train
        mean = train.features.mean(dim=0)
        spread = float(train.features.var(dim=0, unbiased=False).mean().sqrt().clamp_min(1e-12))
        inputs = ((train.features - mean) / spread).double().numpy()
        # Each strength starts where the one before ended; L-BFGS is then near its goal.
        model = LogisticRegression(max_iter=self.max_iterations, warm_start=True)
        best, accuracies = None, []
        for strength in self.strengths:
            model.C = strength
            # One thread: the sums of several come in no fixed order, and bits must repeat.
            with threadpool_limits(limits=1), warnings.catch_warnings():
                warnings.simplefilter("ignore", category=ConvergenceWarning)
                model.fit(inputs, train.labels.numpy())
            candidate = self._classifier(model, train, mean, spread)
            accuracies.append(candidate.accuracy(judged.features, judged.labels))
            if best is None or accuracies[-1] > max(accuracies[:-1]):
                best, chosen = candidate, strength
        best.training.update(
            text_passes=0,
            strength=chosen,
            validation_accuracy=max(accuracies),
            validation_accuracies=dict(zip(map(str, self.strengths), accuracies, strict=True)),
        )
        return best

    def _classifier(
        self, model: LogisticRegression, train: FeatureSet, mean: torch.Tensor, spread: float
    ) -> LinearClassifier:
        """The fitted model with all classes, reading features as they are."""
        coefficients, intercept = torch.tensor(model.coef_), torch.tensor(model.intercept_)
        if len(model.classes_) == 2:  # one row, for the second class against the first
            coefficients = torch.cat([-coefficients, coefficients]) / 2
            intercept = torch.cat([-intercept, intercept]) / 2
        rows = torch.tensor(model.classes_)
        weight = torch.zeros(len(train.class_names), train.features.shape[1], dtype=torch.double)
        bias = torch.full((len(weight),), -torch.inf, dtype=torch.double)
        weight[rows] = coefficients / spread
        bias[rows] = intercept - weight[rows] @ mean.double()
        return LinearClassifier(self.name, tuple(train.class_names), weight.float(), bias.float())
