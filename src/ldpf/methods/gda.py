"""GDA: a Gaussian discriminant on image features, added to the zero-shot logits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from ldpf.methods.base import METHODS, Method
from ldpf.methods.templates import SINGLE_TEMPLATE
from ldpf.models.linear_classifier import LinearClassifier
from ldpf.text.zero_shot import zero_shot_features
from ldpf.utils.constraints import Each, Number, check_fields, constraint

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.training.loop import RunRecord

MIXES = (0.0, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5)
"""Weights of the Gaussian discriminant beside the zero-shot logits that validation chooses from."""


@METHODS.register("gda")
@dataclass(frozen=True)
class GDA(Method):
    """A Gaussian discriminant on image features, added to zero-shot (Wang et al., ICLR 2024).

    The training-free baseline of "A Hard-to-Beat Baseline for Training-free CLIP-based Adaptation".

    Features of class k are taken as N(mu_k, Sigma) with one Sigma for all classes and equal priors.
    Then w_k = Sigma^-1 mu_k, b_k = log(1/K) - mu_k^T Sigma^-1 mu_k / 2, and the answer is

        logits = f T^T / T_clip + alpha (f W^T + b),

    the zero-shot logits with the discriminant, alpha from a grid by validation; of equally good
    ones the smallest. Sigma^-1 is their shrunk estimate, D ((N - 1) S + tr(S) I)^-1 with S the
    sample covariance around the class means. Its factor D / (N - 1) makes the discriminant small
    where there are many images, so the grid goes far up.

    Left out: their forms for base-to-new and for unlabelled data. Text features are of one template
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

        Nothing is drawn, so `seed` has no effect.
        """
        text = zero_shot_features(train.class_names, self.templates, backbone)
        zero_shot = backbone.logit_scale * text.double()
        weight, bias = gaussian_discriminant(train.features, train.labels, len(train.class_names))
        judged = validation if len(validation) else train
        best, accuracies = None, []
        for mix in sorted(self.mixes):
            # A class without training images is never answered, unless nothing but text speaks.
            mixed = mix * bias if mix else torch.zeros_like(bias)
            candidate = LinearClassifier(
                self.name,
                tuple(train.class_names),
                (zero_shot + mix * weight).float(),
                mixed.float(),
            )
            accuracies.append(candidate.accuracy(judged.features, judged.labels))
            if best is None or accuracies[-1] > max(accuracies[:-1]):
                best, chosen = candidate, mix
        best.training.update(
            text_passes=len(self.templates),
            mix=chosen,
            validation_accuracy=max(accuracies),
            validation_accuracies=dict(zip(map(str, sorted(self.mixes)), accuracies, strict=True)),
        )
        return best


def gaussian_discriminant(
    features: torch.Tensor, labels: torch.Tensor, n_classes: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Linear discriminant of Gaussians with one shared, shrunk covariance (see `GDA`).

    Args:
        features: [N, D].
        labels: [N] int64.
        n_classes: K.

    Returns:
        W [K, D] and b [K] in double precision; b is -inf for a class without images.
    """
    x = features.double()
    counts = torch.bincount(labels, minlength=n_classes)
    sums = x.new_zeros(n_classes, x.shape[1]).index_add_(0, labels, x)
    means = sums / counts.clamp_min(1)[:, None]
    centred = x - means[labels]
    scatter = centred.T @ centred  # (N - 1) S
    trace = scatter.trace() / max(len(x) - 1, 1)
    dim = x.shape[1]
    # Where every image equals its class mean there is no covariance; distances are then Euclidean.
    ridge = torch.eye(dim, dtype=x.dtype) * (trace if trace > 0 else 1.0)
    weight = dim * torch.linalg.solve(scatter + ridge, means.T).T
    bias = -torch.tensor(float(n_classes)).log() - (weight * means).sum(dim=1) / 2
    return weight, torch.where(counts > 0, bias, -torch.inf)
