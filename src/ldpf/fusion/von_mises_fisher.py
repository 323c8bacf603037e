"""Fusion weights as the probability that a latent domain on the sphere made the domain feature."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ldpf.fusion.base import FUSION_RULES, FusionExamples, FusionInputs, FusionRule
from ldpf.fusion.fitting import minimized
from ldpf.utils.learned import learned

_POINTS = 2001
_NEAREST_ONE = 1 - 1e-6


@FUSION_RULES.register("von-mises-fisher", learns=True)
@dataclass(frozen=True)
class VonMisesFisher(FusionRule):
    """Responsibilities of one von Mises-Fisher distribution per latent domain.

    alpha_s(x) = softmax_s(kappa cos(z, c_s)), equal priors and one concentration kappa (Banerjee et
    al. 2005): `similarity` with tau = 1 / kappa from the data. `likeliest_concentration` says how.

    Attributes:
        kappa: the concentration, a number.
    """

    kappa: torch.Tensor | None = learned()

    def weights(self, inputs: FusionInputs) -> torch.Tensor:
        """Weights [N, S], rows summing to one."""
        assert self.kappa is not None
        return torch.softmax(self.kappa * inputs.similarities, dim=-1)

    def fit(
        self, train: FusionExamples, validation: FusionExamples, *, seed: int = 0
    ) -> VonMisesFisher:
        """kappa from the cosines of training images to their own latent domains' centroids."""
        own = train.inputs.similarities.gather(1, train.domains[:, None])[:, 0]
        return replace(self, kappa=likeliest_concentration(own).float())

    def shapes(
        self, n_domains: int, n_classes: int, embed_dim: int
    ) -> dict[str, tuple[int | str, ...]]:
        """One number."""
        return {"kappa": ()}


def likeliest_concentration(cosines: torch.Tensor) -> torch.Tensor:
    """kappa that makes cosines [N] to the mean direction likeliest, float64, at least 0.

    A cosine t has the density exp(kappa t) (1 - t^2)^m / Z(kappa, m), with m = (d - 3) / 2 on a
    sphere in d dimensions. Features fill fewer dimensions than they have, so m is estimated too.
    The logarithm is concave in both; Z is a sum over a grid. kappa is kept below 1000.
    """
    t = cosines.double().clamp(-_NEAREST_ONE, _NEAREST_ONE)
    grid = torch.linspace(-1, 1, _POINTS, dtype=torch.double)[1:-1]
    along, across = t.mean(), torch.log1p(-t.square()).mean()
    grid_across = torch.log1p(-grid.square())

    def loss(kappa: torch.Tensor, m: torch.Tensor) -> torch.Tensor:
        log_z = (kappa * grid + m * grid_across).logsumexp(dim=0)
        # The tiny square decides where all cosines are alike.
        return log_z - kappa * along - m * across + 1e-6 * (kappa.square() + m.square())

    start = {"kappa": torch.ones(()), "m": torch.ones(())}
    return minimized(loss, start)["kappa"].clamp(0.0, 1000.0)
