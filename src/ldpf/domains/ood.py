"""Whether an image lies outside what a model was trained on, by a threshold that was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ldpf.domains.clustering.kmeans import KMeans
from ldpf.domains.clustering.matching import group_means
from ldpf.utils.seed import generator

CENTROIDS = 32
"""At most so many, and one for each `IMAGES_EACH` images."""

IMAGES_EACH = 16

MIN_MEMBERS = 8
"""A centroid stands for so many images at least: a model folder holds no single image's feature."""

MAX_SAMPLE = 4096
"""Training images that the centroids are drawn from; more take long and change little."""

QUANTILE = 0.99
"""Share of unseen images of the training sources that count as inside."""


@dataclass(frozen=True)
class OutsideCheck:
    """Distance of an image feature to the nearest of some centroids of the training images.

    The score of an image is 1 - max_r cos(f, c_r), over k-means centroids c_r of image features.
    (Distances of domain features z to the latent domains' centroids do not serve: z is trained to
    lose the content of an image, and random noise then lies as near to a centroid as a photo.) An
    image is outside if its score exceeds the threshold, which `QUANTILE` of held-out images of the
    training sources stay below. So about 1 in 100 ordinary images is called outside too, and one
    that is called inside may still be answered wrongly.

    Attributes:
        centroids: [R, D] of length one, each of at least `MIN_MEMBERS` images (of all, where there
            are fewer).
        threshold: score above which an image is outside.
        n_measured: how many images the threshold was measured on; few make it rough.
    """

    centroids: torch.Tensor
    threshold: float
    n_measured: int

    @classmethod
    def measure(
        cls, train: torch.Tensor, held_out: torch.Tensor, *, seed: int = 0
    ) -> OutsideCheck | None:
        """Find centroids and measure the threshold.

        Args:
            train: [N, D] features of training images.
            held_out: [M, D] features of other images of the same sources. With none of them, half
                of the training images stand in.
            seed: of the sample and of k-means.

        Returns:
            The check, or None where fewer than two images are given.
        """
        order = torch.randperm(len(train), generator=generator(seed, "outside"))
        order = order.to(train.device)
        if not len(held_out):
            held_out, order = train[order[: len(train) // 2]], order[len(train) // 2 :]
        if not len(order) or not len(held_out):
            return None
        centroids = _centroids(train[order[:MAX_SAMPLE]].float().cpu(), seed)
        scores = _scores(held_out.float().cpu(), centroids).sort().values
        threshold = scores[math.ceil(QUANTILE * len(scores)) - 1]
        return cls(centroids, float(threshold), len(scores))

    def scores(self, features: torch.Tensor) -> torch.Tensor:
        """1 - cosine to the nearest centroid: [N, D] -> [N]."""
        return _scores(features, self.centroids.to(features.device))

    def is_outside(self, features: torch.Tensor) -> torch.Tensor:
        """Which images lie outside: [N, D] -> [N] bool."""
        return self.scores(features) > self.threshold

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything needed to rebuild this object, by name."""
        return {
            "centroids": self.centroids.contiguous(),
            "threshold": torch.tensor(self.threshold, dtype=torch.float64),
            "n_measured": torch.tensor(self.n_measured),
        }

    @staticmethod
    def shapes(embed_dim: int) -> dict[str, tuple[int | str, ...]]:
        """The shapes that `tensors()` has; a word stands for any size."""
        return {"centroids": ("r", embed_dim), "threshold": (), "n_measured": ()}

    @classmethod
    def from_tensors(cls, tensors: dict[str, torch.Tensor]) -> OutsideCheck:
        """Rebuild from `tensors()`."""
        return cls(tensors["centroids"], float(tensors["threshold"]), int(tensors["n_measured"]))


def _centroids(features: torch.Tensor, seed: int) -> torch.Tensor:
    """Centroids [R, D] of length one of features [N, D]; those of too few images are left out."""
    different = len(torch.unique(features, dim=0))
    wanted = max(1, min(CENTROIDS, len(features) // IMAGES_EACH, different))
    group = KMeans().fit(features, wanted, seed).assignments
    means = group_means(features, group, wanted)
    enough = torch.bincount(group, minlength=wanted) >= min(MIN_MEMBERS, len(features))
    kept = means[enough] if enough.any() else features.mean(dim=0, keepdim=True)
    return torch.nn.functional.normalize(kept, dim=1)


def _scores(features: torch.Tensor, centroids: torch.Tensor) -> torch.Tensor:
    return 1.0 - (features @ centroids.T).max(dim=1).values
