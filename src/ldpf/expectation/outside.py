"""Images that a model should not be asked about: pictures of nothing, and what is far from all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ldpf.expectation.nearness import MIN_MEMBERS
from ldpf.models.tensor_checks import Shape

if TYPE_CHECKING:
    from ldpf.methods.left_out import LeftOut

SHRINKAGE = 0.1
"""Share of the identity in the covariance, of the same trace."""

FLAGGED = 0.01
"""Share of images of latent domains left out that may be flagged."""


@dataclass(frozen=True, eq=False)
class Distances:
    """Mahalanobis distances to classes and to pictures of nothing (Lee et al., NeurIPS 2018).

    The covariance is that around class means, the same for all classes, shrunk. An image of a new
    site is far from every class as well, so the distance alone tells little; whether an image is
    nearer to pictures of nothing than to every class tells them from photos of a new site.

    Attributes:
        whiten: W, [D, D], with W W^T the inverse covariance.
        means: [C, D] class means times W, of classes with `MIN_MEMBERS` images or more; the mean of
            all images where there are none.
        odd: [n, D] features of pictures of nothing times W.
    """

    whiten: torch.Tensor
    means: torch.Tensor
    odd: torch.Tensor

    @classmethod
    def fit(cls, features: torch.Tensor, labels: torch.Tensor, odd: torch.Tensor) -> Distances:
        """Measure means and covariance.

        Args:
            features: [N, D] of training images.
            labels: [N] class ids.
            odd: [n, D] features of pictures of nothing.
        """
        x = features.double()
        counts = torch.bincount(labels)
        sums = x.new_zeros(len(counts), x.shape[1]).index_add_(0, labels, x)
        means = sums / counts.clamp_min(1)[:, None]
        centered = x - means[labels]
        covariance = centered.T @ centered / len(x)
        identity = torch.eye(len(covariance), dtype=x.dtype)
        scale = covariance.trace() / len(covariance)
        # Where every image equals its class mean, distances are Euclidean.
        ridge = SHRINKAGE * scale if scale > 0 else 1.0
        values, vectors = torch.linalg.eigh((1 - SHRINKAGE) * covariance + ridge * identity)
        whiten = vectors / values.clamp_min(1e-12).sqrt()
        enough = counts >= MIN_MEMBERS
        kept = means[enough] if enough.any() else x.mean(dim=0, keepdim=True)
        parts = whiten, kept @ whiten, odd.double() @ whiten
        return cls(*(part.float().contiguous() for part in parts))

    def to_classes(self, features: torch.Tensor) -> torch.Tensor:
        """Distance to the nearest class, [N, D] -> [N] float64."""
        return self._nearest(features, self.means)

    def to_odd(self, features: torch.Tensor) -> torch.Tensor:
        """Distance to the nearest picture of nothing, [N, D] -> [N] float64."""
        return self._nearest(features, self.odd)

    def _nearest(self, features: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        whitened = features.cpu().double() @ self.whiten.double()
        return torch.cdist(whitened, points.double()).min(dim=1).values


@dataclass(frozen=True, eq=False)
class Outside:
    """Which images lie outside of what the model knows.

    With d_c and d_o the distances of an image to the nearest class and to the nearest picture of
    nothing, the score is max(d_c - d_o - a, d_c - b), and images above 0 are flagged. The limits a
    and b are such that at most 1 in 100 images of latent domains left out exceeds each. Only where
    this would make a larger than 0, a is 0: what is nearer to a picture of nothing than to any
    class is always flagged.

    Photos of a new site are so seldom flagged. Objects of unknown classes look like photos and
    mostly are not either: this finds noise, blank pictures and what is far from every class.

    Attributes:
        distances: to classes and to pictures of nothing.
        odd_limit: a.
        far_limit: b.
    """

    distances: Distances
    odd_limit: float
    far_limit: float

    @classmethod
    def measure(
        cls,
        features: torch.Tensor,
        labels: torch.Tensor,
        odd: torch.Tensor,
        left_out: Sequence[LeftOut],
    ) -> Outside:
        """Measure distances and limits.

        Args:
            features: [N, D] of training and held-out images.
            labels: [N] class ids.
            odd: [n, D] features of pictures of nothing.
            left_out: folds of latent domains; with none, the limits are of the images themselves.
        """
        folds = [item.fold for item in left_out]
        judged = [
            (Distances.fit(fold.train.features, fold.train.labels, odd), fold.judged.features)
            for fold in folds
        ]
        whole = Distances.fit(features, labels, odd)
        judged = judged or [(whole, features)]
        to_classes = torch.cat([distances.to_classes(images) for distances, images in judged])
        to_odd = torch.cat([distances.to_odd(images) for distances, images in judged])
        odd_limit = min(_exceeded_by_few(to_classes - to_odd), 0.0)
        return cls(whole, odd_limit, _exceeded_by_few(to_classes))

    def scores(self, features: torch.Tensor) -> torch.Tensor:
        """How far outside each image is: [N, D] -> [N] float64, flagged above 0."""
        to_classes = self.distances.to_classes(features)
        odd = to_classes - self.distances.to_odd(features) - self.odd_limit
        return torch.maximum(odd, to_classes - self.far_limit)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything needed to rebuild this object, by name."""
        limits = torch.tensor([self.odd_limit, self.far_limit], dtype=torch.float64)
        parts = self.distances
        return {"whiten": parts.whiten, "means": parts.means, "odd": parts.odd, "limits": limits}

    @staticmethod
    def shapes(embed_dim: int) -> dict[str, Shape]:
        """The shapes of `tensors`; a word stands for any size."""
        return {
            "whiten": (embed_dim, embed_dim),
            "means": ("classes", embed_dim),
            "odd": ("pictures", embed_dim),
            "limits": (2,),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> Outside:
        """Rebuild from `tensors`."""
        distances = Distances(tensors["whiten"], tensors["means"], tensors["odd"])
        return cls(distances, *tensors["limits"].tolist())


def _exceeded_by_few(values: torch.Tensor) -> float:
    """The smallest of values [N] that at most a share of `FLAGGED` exceed."""
    ordered = values.sort().values
    return float(ordered[math.ceil((1 - FLAGGED) * len(ordered)) - 1])
