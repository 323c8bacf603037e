"""The latent domains of a trained model: G and centroids, and what they say of an image."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F

from ldpf.domains.disentangle.maps import DomainMap, in_blocks, kind_of, rebuild

_PREFIX = "extractor."


class FittedDomains:
    """G and the centroids c_s, no longer trained. Small: a few hundred kilobytes.

    Attributes:
        extractor: G.
        centroids: c_s, [S, Z].
        spherical: whether an image belongs to the centroid of the largest cosine; else to the
            nearest one.
    """

    def __init__(
        self, extractor: DomainMap, centroids: torch.Tensor, *, spherical: bool = False
    ) -> None:
        """Keep G and its centroids [S, Z]."""
        self.extractor = extractor
        self.centroids = centroids
        self.spherical = spherical

    @property
    def n_domains(self) -> int:
        """S, the number of latent domains."""
        return len(self.centroids)

    @torch.no_grad()
    def domain_features(self, features: torch.Tensor) -> torch.Tensor:
        """z = G(f): [N, D] -> [N, Z]."""
        return in_blocks(self.extractor, features)

    def similarities(self, features: torch.Tensor) -> torch.Tensor:
        """cos(z, c_s): [N, D] -> [N, S]. With one latent domain the cosine is 1 by definition."""
        if self.n_domains == 1:
            return torch.ones(len(features), 1)
        centroids = F.normalize(self.centroids, dim=-1)

        def cosines(part: torch.Tensor) -> torch.Tensor:
            return F.normalize(self.domain_features(part), dim=-1) @ centroids.T

        return in_blocks(cosines, features)

    def assign(self, features: torch.Tensor) -> torch.Tensor:
        """The latent domain of each image as the clusterer assigns it: [N, D] -> [N] int64."""
        if self.spherical:
            return self.similarities(features).argmax(dim=1)
        return torch.cdist(self.domain_features(features), self.centroids).argmin(dim=1)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything needed to rebuild this object, by name."""
        state = {
            f"{_PREFIX}{k}": v.detach().clone() for k, v in self.extractor.state_dict().items()
        }
        tensors = state | {"centroids": self.centroids.clone()}
        return tensors | ({"spherical": torch.tensor(True)} if self.spherical else {})

    @staticmethod
    def shapes(
        n_domains: int, embed_dim: int, tensors: Mapping[str, torch.Tensor]
    ) -> dict[str, tuple[int | str, ...]]:
        """The shapes that `tensors()` has; a word stands for any size, the same for the same.

        Args:
            n_domains: S.
            embed_dim: D.
            tensors: what there is, which tells the kind of map.
        """
        of_map = kind_of(_of_map(tensors)).shapes(embed_dim)
        shapes = {f"{_PREFIX}{name}": shape for name, shape in of_map.items()}
        shapes["centroids"] = (n_domains, "z")
        return shapes | ({"spherical": ()} if "spherical" in tensors else {})

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> FittedDomains:
        """Rebuild from `tensors()`; sizes are read off the shapes."""
        spherical = bool(tensors.get("spherical", False))
        return cls(rebuild(_of_map(tensors)), tensors["centroids"].clone(), spherical=spherical)


def _of_map(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k.removeprefix(_PREFIX): v for k, v in tensors.items() if k.startswith(_PREFIX)}
