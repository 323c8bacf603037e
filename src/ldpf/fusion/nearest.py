"""The hard choice: only the most similar latent domain speaks."""

from __future__ import annotations

import torch


def nearest_weights(similarities: torch.Tensor, tau: float) -> torch.Tensor:
    """alpha_s(x) = 1 for the most similar latent domain, else 0; `tau` has no effect.

    Args:
        similarities: [N, S] cosines of domain features to centroids. A tie goes to the lower s.

    Returns:
        [N, S], one-hot rows.
    """
    # argmax does not promise which of equal values it returns; max over a tie-broken key does.
    best = similarities.max(dim=-1, keepdim=True).values
    first = (similarities == best).int().cumsum(dim=-1)
    return ((similarities == best) & (first == 1)).to(similarities.dtype)
