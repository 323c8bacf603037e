"""Linear probe: logistic regression on image features, no text at all."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ldpf.heads.linear_probe import fit_path
from ldpf.methods.base import METHODS, Method
from ldpf.models.linear_classifier import LinearClassifier
from ldpf.utils.constraints import COUNT, Each, Number, check_fields, constraint

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.training.callbacks import RunRecord

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Values of C, scikit-learn's inverse strength of the L2 penalty, for features of unit variance."""


@METHODS.register("linear-probe")
@dataclass(frozen=True)
class LinearProbe(Method):
    """Linear probe (Radford et al. 2021): logistic regression on image features, no text.

    Multinomial, with an L2 penalty; see `ldpf.heads.linear_probe`. As in their section 3.2 and
    appendix A.3, the penalty's strength is chosen on validation, from a small grid instead of their
    sweep over 96 values; of equally good ones the strongest penalty is taken.

    Attributes:
        strengths: the grid of C, from the strongest penalty to the weakest.
        max_iterations: of L-BFGS, for each strength.
    """

    name: str = "linear-probe"
    strengths: tuple[float, ...] = field(
        default=STRENGTHS, metadata=constraint(Each(Number(above=0, float32=True)))
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

        Nothing is drawn, so `seed` changes nothing.

        Raises:
            DataError: all training images are of one class.
        """
        judged = validation if len(validation) else train
        names = tuple(train.class_names)
        heads = fit_path(
            train.features,
            train.labels,
            self.strengths,
            n_classes=len(names),
            max_iterations=self.max_iterations,
        )
        candidates = [
            LinearClassifier(self.name, names, head.weight.float(), head.bias.float())
            for head in heads
        ]
        accuracies = [one.accuracy(judged.features, judged.labels) for one in candidates]
        best = accuracies.index(max(accuracies))
        return replace(
            candidates[best],
            training={
                "text_passes": 0,
                "strength": self.strengths[best],
                "validation_accuracy": accuracies[best],
                "validation_accuracies": dict(
                    zip(map(str, self.strengths), accuracies, strict=True)
                ),
            },
        )
