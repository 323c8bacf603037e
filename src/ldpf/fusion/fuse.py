"""From text features of several prompts and fusion weights to one set of class logits."""

from __future__ import annotations

import torch
import torch.nn.functional as F

_ELEMENTS_PER_CHUNK = 1 << 24


def fused_logits(
    image_features: torch.Tensor,
    text_features: torch.Tensor,
    weights: torch.Tensor,
    logit_scale: float,
) -> torch.Tensor:
    """logit_scale * cos(f, t_k(x)) with t_k(x) = sum_s alpha_s(x) t_k^s, never building t_k(x).

    The numerator is the weighted sum of per-prompt cosines, and the norm of t_k(x) comes from the
    S x S Gram matrix of each class: |t_k(x)|^2 = alpha^T G_k alpha. Memory is N * S * K numbers
    instead of N * K * D; `fused_logits_reference` is the definition this agrees with.

    Args:
        image_features: [N, D] of length one.
        text_features: [S, K, D] of length one.
        weights: [N, S], rows summing to one.
        logit_scale: 1 / T of the backbone.

    Returns:
        [N, K].
    """
    prompts, classes, _ = text_features.shape
    gram = torch.einsum("skd,rkd->ksr", text_features, text_features)  # [K, S, S]
    rows = max(1, _ELEMENTS_PER_CHUNK // (prompts * classes))
    parts = []
    for start in range(0, max(len(image_features), 1), rows):
        alpha = weights[start : start + rows]  # [n, S]
        features = image_features[start : start + rows]
        cosines = torch.einsum("nd,skd->nsk", features, text_features)
        numerator = torch.einsum("ns,nsk->nk", alpha, cosines)
        norm_squared = torch.einsum("ns,ksr,nr->nk", alpha, gram, alpha)
        parts.append(numerator / norm_squared.clamp_min(1e-12).sqrt())
    return logit_scale * torch.cat(parts)


def fused_logits_reference(
    image_features: torch.Tensor,
    text_features: torch.Tensor,
    weights: torch.Tensor,
    logit_scale: float,
) -> torch.Tensor:
    """The definition `fused_logits` is tested against: every t_k(x) built, [N, K, D] in memory."""
    fused = torch.einsum("ns,skd->nkd", weights, text_features)
    return logit_scale * torch.einsum("nd,nkd->nk", image_features, F.normalize(fused, dim=-1))
