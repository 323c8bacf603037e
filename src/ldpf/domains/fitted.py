"""The latent domains of a trained model: extractor and centroids, and what they say of an image."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ldpf.domains.disentangle.adversarial import DomainExtractor


class FittedDomains:
    """G and the centroids c_s, no longer trained. Small: a few hundred kilobytes."""

    def __init__(self, extractor: DomainExtractor, centroids: torch.Tensor) -> None:
        """Keep G and its centroids [S, Z]."""
        self.extractor = extractor
        self.centroids = centroids

    @property
    def n_domains(self) -> int:
        """S, the number of latent domains."""
        return len(self.centroids)

    @torch.no_grad()
    def domain_features(self, features: torch.Tensor) -> torch.Tensor:
        """z = G(f): [N, D] -> [N, Z]."""
        return self.extractor(features)

    def similarities(self, features: torch.Tensor) -> torch.Tensor:
        """cos(z, c_s): [N, D] -> [N, S]. With one latent domain the cosine is 1 by definition."""
        if self.n_domains == 1:
            return torch.ones(len(features), 1)
        z = F.normalize(self.domain_features(features), dim=-1)
        return z @ F.normalize(self.centroids, dim=-1).T

    def assign(self, features: torch.Tensor) -> torch.Tensor:
        """The k-means cell of each image: [N, D] -> [N] int64, nearest centroid in z."""
        return torch.cdist(self.domain_features(features), self.centroids).argmin(dim=1)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything needed to rebuild this object, by name."""
        state = {
            f"extractor.{k}": v.detach().clone() for k, v in self.extractor.state_dict().items()
        }
        return state | {"centroids": self.centroids.clone()}

    @staticmethod
    def shapes(n_domains: int, embed_dim: int) -> dict[str, tuple[int | str, ...]]:
        """The shapes that `tensors()` has; the same word stands for the same size."""
        return {
            "extractor.hidden.weight": ("hidden", embed_dim),
            "extractor.hidden.bias": ("hidden",),
            "extractor.out.weight": ("z", "hidden"),
            "extractor.out.bias": ("z",),
            "extractor.input_mean": (embed_dim,),
            "extractor.input_scale": (),
            "extractor.output_mean": ("z",),
            "extractor.erasure": ("z", "z"),
            "centroids": (n_domains, "z"),
        }

    @classmethod
    def from_tensors(cls, tensors: dict[str, torch.Tensor]) -> FittedDomains:
        """Rebuild from `tensors()`; layer sizes are read off the shapes."""
        prefix = "extractor."
        state = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        hidden, embed_dim = state["hidden.weight"].shape
        dim = state["out.weight"].shape[0]
        extractor = DomainExtractor(embed_dim, hidden, dim, torch.Generator())
        extractor.load_state_dict(state)
        extractor.requires_grad_(False)
        return cls(extractor, tensors["centroids"].clone())
