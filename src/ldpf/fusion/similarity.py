"""Fusion weights from the similarity of an image's domain feature to the latent domains."""

from __future__ import annotations

import torch


def similarity_weights(similarities: torch.Tensor, tau: float) -> torch.Tensor:
    """alpha_s(x) = softmax_s(cos(z, c_s) / tau), LDPF's fusion (arXiv 2511.00067).

    Args:
        similarities: [N, S] cosines of domain features to centroids.
        tau: temperature; towards 0 this becomes `nearest`, towards infinity `uniform`.

    Returns:
        [N, S], rows summing to one.
    """
    return torch.softmax(similarities / tau, dim=-1)
