"""GDA: a Gaussian discriminant on image features, added to the zero-shot logits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

from ldpf.heads.gda import GaussianDiscriminant
from ldpf.methods.base import METHODS, Method
from ldpf.models.linear_classifier import LinearClassifier
from ldpf.text.templates import SINGLE_TEMPLATE
from ldpf.text.zero_shot import zero_shot_features
from ldpf.utils.constraints import Each, Number, check_fields, constraint

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.training.callbacks import RunRecord

MIXES = (0.0, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5)
"""Weights of the Gaussian discriminant beside the zero-shot logits that validation chooses from."""


@METHODS.register("gda")
@dataclass(frozen=True)
class GDA(Method):
    """A Gaussian discriminant on image features, added to zero-shot (Wang et al., ICLR 2024).

    The training-free baseline of "A Hard-to-Beat Baseline for Training-free CLIP-based Adaptation".
    With W and b of `GaussianDiscriminant`, the answer is

        logits = f T^T / T_clip + alpha (f W^T + b),

    the zero-shot logits with the discriminant, alpha from a grid by validation; of equally good
    ones the smallest. The factor D / (N - 1) in W makes the discriminant small where there are many
    images, so the grid goes far up.

    Left out: their forms for base-to-new and for unlabeled data. Text features are of one template
    where they use an ensemble for each data set; alpha = 0 is in the grid.

    Attributes:
        mixes: the grid of alpha.
        templates: of the zero-shot part.
    """

    name: str = "gda"
    mixes: tuple[float, ...] = field(default=MIXES, metadata=constraint(Each(Number(at_least=0))))
    templates: tuple[str, ...] = (SINGLE_TEMPLATE,)

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
        """Compute means and covariance on `train`, choose alpha on `validation`.

        Nothing is drawn, so `seed` changes nothing.
        """
        text = zero_shot_features(train.class_names, self.templates, backbone)
        zero_shot = backbone.logit_scale * text.double()
        head = GaussianDiscriminant().fit(
            train.features, train.labels, n_classes=len(train.class_names)
        )
        judged = validation if len(validation) else train
        names = tuple(train.class_names)
        mixes = sorted(self.mixes)
        candidates = []
        for mix in mixes:
            # A class without training images is never answered, unless nothing but text speaks.
            bias = mix * head.bias if mix else torch.zeros_like(head.bias)
            weight = zero_shot + mix * head.weight
            candidates.append(LinearClassifier(self.name, names, weight.float(), bias.float()))
        accuracies = [one.accuracy(judged.features, judged.labels) for one in candidates]
        best = accuracies.index(max(accuracies))
        return replace(
            candidates[best],
            training={
                "text_passes": len(self.templates),
                "mix": mixes[best],
                "validation_accuracy": accuracies[best],
                "validation_accuracies": dict(zip(map(str, mixes), accuracies, strict=True)),
            },
        )
