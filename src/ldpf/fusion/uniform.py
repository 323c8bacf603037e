"""The control without similarities: every latent domain weighs the same."""

from __future__ import annotations

import torch


def uniform_weights(similarities: torch.Tensor, tau: float) -> torch.Tensor:
    """alpha_s(x) = 1 / S for every image; `tau` has no effect.

    Args:
        similarities: [N, S]; only its shape is used.

    Returns:
        [N, S], rows summing to one.
    """
    return torch.full_like(similarities, 1.0 / similarities.shape[-1])
