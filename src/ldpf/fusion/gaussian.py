"""Fusion weights as the probability that a Gaussian latent domain made the image's feature."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F

from ldpf.fusion.base import FUSION_RULES, FusionExamples, FusionInputs, FusionRule
from ldpf.fusion.fitting import likeliest_scale
from ldpf.utils.constraints import Number, check_fields, constraint
from ldpf.utils.learned import learned


@FUSION_RULES.register("gaussian", learns=True)
@dataclass(frozen=True)
class Gaussian(FusionRule):
    """Responsibilities of one Gaussian per latent domain with a shared covariance.

    alpha_s(x) = softmax_s(a (f^T P m_s - m_s^T P m_s / 2)): linear discriminant analysis (Fisher
    1936) of image features f with equal priors. m_s is the mean over classes of their means in
    latent domain s, so that a domain is no class; P the inverse of the covariance around them,
    where directions of classes vary most and so count least, drawn by `shrinkage` to a multiple of
    the identity. The scale a makes latent domains of the validation images likeliest: a Gaussian in
    many dimensions is far too sure.

    Attributes:
        shrinkage: share of the identity in the covariance.
        directions: a P m_s, [S, D].
        offsets: -a m_s^T P m_s / 2, [S].
    """

    shrinkage: float = field(default=0.1, metadata=constraint(Number(above=0, at_most=1)))
    directions: torch.Tensor | None = learned()
    offsets: torch.Tensor | None = learned()

    def __post_init__(self) -> None:
        check_fields(self)

    def weights(self, inputs: FusionInputs) -> torch.Tensor:
        """Weights [N, S], rows summing to one."""
        assert self.directions is not None and self.offsets is not None
        return torch.softmax(inputs.image_features @ self.directions.T + self.offsets, dim=-1)

    def fit(self, train: FusionExamples, validation: FusionExamples, *, seed: int = 0) -> Gaussian:
        """Means and covariance from training images, the scale from validation images."""
        n_domains, n_classes = train.inputs.text_features.shape[:2]
        features = train.inputs.image_features.double()
        group = train.domains * n_classes + train.labels
        member = F.one_hot(group, n_domains * n_classes).double()  # [N, S * K]
        counts = member.sum(dim=0)
        of_pairs = (member.T @ features) / counts.clamp_min(1)[:, None]
        present = (counts > 0).double().view(n_domains, n_classes, 1)
        means = of_pairs.view(n_domains, n_classes, -1).sum(dim=1)  # pairs without images are 0
        means = means / present.sum(dim=1).clamp_min(1)
        centered = features - means[train.domains]
        covariance = centered.T @ centered / len(features)
        width = covariance.diagonal().mean().clamp_min(1e-12)
        identity = torch.eye(features.shape[1], dtype=torch.double)
        shrunk = (1 - self.shrinkage) * covariance + self.shrinkage * width * identity
        # A latent domain without images (in a fold that leaves it out) lies in the middle.
        empty = present.sum(dim=(1, 2)) == 0
        means[empty] = means[~empty].mean(dim=0)
        center = means.mean(dim=0)
        directions = torch.linalg.solve(shrunk, (means - center).T).T
        offsets = -((means + center) * directions).sum(dim=1) / 2
        logits = validation.inputs.image_features.double() @ directions.T + offsets
        scale = likeliest_scale(logits, validation.domains)
        return replace(
            self, directions=(scale * directions).float(), offsets=(scale * offsets).float()
        )

    def shapes(
        self, n_domains: int, n_classes: int, embed_dim: int
    ) -> dict[str, tuple[int | str, ...]]:
        """A linear map from features to latent domains."""
        return {"directions": (n_domains, embed_dim), "offsets": (n_domains,)}
