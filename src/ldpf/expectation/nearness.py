"""How far the photos of a site lie from each latent domain, on a scale that the domains give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ldpf.models.tensor_checks import Shape

MIN_MEMBERS = 8
"""A mean stands for so many images at least: a model folder holds no single image's feature. Fewer
photos do not tell where their site lies."""


@dataclass(frozen=True, eq=False)
class Nearness:
    """Means of latent domains in feature space, to measure how far a site is from each.

    The distance of two sets of images is that of their mean features, without what comes from
    drawing few images: d^2 = ||m_a - m_b||^2 - v_a / n_a - v_b / n_b, at least 0, with v the mean
    squared distance to the own mean (the unbiased squared MMD with a linear kernel: Gretton et al.,
    JMLR 2012). Distances between the latent domains themselves tell what is far.

    Attributes:
        means: [S, D] float64; of domains with `MIN_MEMBERS` images or more.
        variances: [S] of v.
        sizes: [S] images.
        domains: [S] ids.
    """

    means: torch.Tensor
    variances: torch.Tensor
    sizes: torch.Tensor
    domains: torch.Tensor

    @classmethod
    def measure(cls, features: torch.Tensor, groups: torch.Tensor) -> Nearness:
        """Measure the latent domains of images.

        Args:
            features: [N, D].
            groups: [N] latent domain of each.
        """
        kept = [g for g in groups.unique().tolist() if int((groups == g).sum()) >= MIN_MEMBERS]
        parts = [_moments(features[groups == group]) for group in kept]
        means = [mean for mean, _ in parts]
        return cls(
            torch.stack(means) if means else torch.empty(0, features.shape[1]).double(),
            torch.tensor([variance for _, variance in parts], dtype=torch.float64),
            torch.tensor([int((groups == group).sum()) for group in kept], dtype=torch.int64),
            torch.tensor(kept, dtype=torch.int64),
        )

    def of_site(self, features: torch.Tensor) -> dict[int, float]:
        """Distance from photos [n, D] of a site, 1 or more, to each latent domain by its id."""
        mean, variance = _moments(features)
        return {
            int(domain): self._distance(i, mean, variance, len(features))
            for i, domain in enumerate(self.domains)
        }

    @property
    def between(self) -> list[float]:
        """Distances of all pairs of latent domains; empty where there are fewer than two."""
        rows = range(len(self.domains))
        return [
            self._distance(i, self.means[j], float(self.variances[j]), int(self.sizes[j]))
            for i in rows
            for j in rows
            if j > i
        ]

    def _distance(self, i: int, mean: torch.Tensor, variance: float, n: int) -> float:
        squared = float((self.means[i] - mean).square().sum())
        drawn = float(self.variances[i]) / int(self.sizes[i]) + variance / n
        return max(squared - drawn, 0.0) ** 0.5

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything needed to rebuild this object, by name."""
        return {
            "means": self.means,
            "variances": self.variances,
            "sizes": self.sizes,
            "domains": self.domains,
        }

    @staticmethod
    def shapes(embed_dim: int) -> dict[str, Shape]:
        """The shapes of `tensors`; a word stands for any size."""
        s = "domains"
        return {"means": (s, embed_dim), "variances": (s,), "sizes": (s,), "domains": (s,)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> Nearness:
        """Rebuild from `tensors`."""
        return cls(*(tensors[name] for name in ("means", "variances", "sizes", "domains")))


def _moments(features: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Mean [D], and the mean squared distance to it, unbiased; 0 of a single image."""
    x = features.double()
    mean = x.mean(dim=0)
    spread = float((x - mean).square().sum())
    return mean, spread / max(len(x) - 1, 1)
