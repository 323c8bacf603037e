"""Similarity weights, and text features that each image shifts until its answer is surer."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from ldpf.fusion.base import FUSION_RULES, FusionInputs, FusionRule
from ldpf.fusion.fuse import fused_norms
from ldpf.fusion.similarity import Similarity, similarity_weights
from ldpf.utils.constraints import COUNT, Number, Whole, check_fields, constraint


@FUSION_RULES.register("steering")
@dataclass(frozen=True)
class Steering(FusionRule):
    """Test-time steering of the fused text features in a low-rank subspace, by entropy.

    As spectrum-aware test-time steering (STS, Dafnis & Metaxas, arXiv 2511.09809) does for
    zero-shot text features: with t_k(x) of `similarity` and the first R right singular vectors U
    [R, D] of the text features, every class gets the same shift, t_k'(x) = t_k(x) + U^T a(x), and
    a(x) descends the entropy of softmax_k(cos(f, t_k'(x)) / T) from zero, by a few steps of fixed
    length. Two things are ours: text features are centered before U is taken, and each image is
    steered by its one view, where STS averages over augmented views, which are not in the cache.

    Attributes:
        tau: temperature of the similarities.
        rank: R at most; never more than the text features of K classes span, K - 1.
        steps: of descent; 0 steers nothing.
        step_size: length of a step, where text features are of length one.
    """

    tau: float = field(default=1.0, metadata=constraint(Number(above=0, float32=True)))
    rank: int = field(default=8, metadata=COUNT)
    steps: int = field(default=2, metadata=constraint(Whole(at_least=0)))
    step_size: float = field(default=0.05, metadata=constraint(Number(above=0, at_most=1)))

    def __post_init__(self) -> None:
        check_fields(self)

    def weights(self, inputs: FusionInputs) -> torch.Tensor:
        """Weights [N, S], rows summing to one."""
        return similarity_weights(inputs.similarities, self.tau)

    def in_training(self) -> FusionRule:
        """Similarity weights alone: steering is for new images."""
        return Similarity(tau=self.tau)

    def finish(
        self, inputs: FusionInputs, weights: torch.Tensor, logits: torch.Tensor
    ) -> torch.Tensor:
        """Logits [N, K] of the steered text features, never building them.

        With n_k = cos(f, t_k), u_k = U t_k and q = U f, cos(f, t_k + U^T a) is
        (n_k + q a) / |t_k + U^T a|, where |t_k + U^T a|^2 = 1 + 2 u_k a + a a.
        """
        scale = inputs.logit_scale
        directions = spectral_directions(inputs.text_features, self.rank)  # [R, D]
        q = inputs.image_features @ directions.T  # [N, R]
        norms = fused_norms(inputs.text_features, weights)  # [N, K]
        of_weights = "ns" if weights.dim() == 2 else "nsk"
        u = torch.einsum(f"{of_weights},skr->nkr", weights, inputs.text_features @ directions.T)
        u = u / norms[:, :, None]
        cosines = logits / scale
        a = torch.zeros_like(q)
        for _ in range(self.steps):
            lengths, steered = _steered(cosines, u, q, a)
            log_p = (scale * steered).log_softmax(dim=1)
            p = log_p.exp()
            entropy = -(p * log_p).sum(dim=1, keepdim=True)
            by_cosine = -scale * p * (log_p + entropy)  # dH / dcos, [N, K]
            of_length = (by_cosine * steered / lengths.square())[:, :, None]
            gradient = (by_cosine / lengths).sum(dim=1, keepdim=True) * q
            gradient = gradient - (of_length * (u + a[:, None, :])).sum(dim=1)  # dH / da, [N, R]
            size = gradient.norm(dim=1, keepdim=True)
            # A sure answer has no slope left, and its rounding error is no direction.
            a = a - self.step_size * gradient / size.clamp_min(1e-6)
        return scale * _steered(cosines, u, q, a)[1]


def _steered(
    cosines: torch.Tensor, u: torch.Tensor, q: torch.Tensor, a: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """|t_k + U^T a| and cos(f, t_k + U^T a), both [N, K], from [N, K], [N, K, R], [N, R] twice."""
    squared = 1 + 2 * torch.einsum("nkr,nr->nk", u, a) + a.square().sum(dim=1, keepdim=True)
    lengths = squared.clamp_min(1e-12).sqrt()
    return lengths, (cosines + (q * a).sum(dim=1, keepdim=True)) / lengths


def spectral_directions(text_features: torch.Tensor, rank: int) -> torch.Tensor:
    """The directions in which classes differ most: right singular vectors, [R, D].

    Args:
        text_features: [S, K, D]; averaged over prompts and centered over classes.
        rank: of `Steering`; R is the smallest of it, K - 1 and D. Rows are orthonormal, and zero
            where the classes span fewer, so that nothing is steered there.
    """
    means = text_features.mean(dim=0)  # [K, D]
    _, sizes, axes = torch.linalg.svd(means - means.mean(dim=0), full_matrices=False)
    spanned = sizes > 1e-5 * means.norm()
    return (axes * spanned[:, None])[: min(rank, len(means) - 1)]
