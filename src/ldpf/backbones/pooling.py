"""From the final states of a sentence to the one that is its feature."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Pooling = Literal["eos", "last", "first", "mean", "max"]
"""The end token's state; the one of the context's last position, which may be padding; the start
token's; mean and largest value over the sentence."""


def pool(hidden: Tensor, written: Tensor, pooling: Pooling) -> Tensor:
    """One state for each sentence.

    Args:
        hidden: final states, [N, L, W].
        written: which positions are of the sentence, [EOS] the last of them, [N, L] of bool. The
            rest is padding.
        pooling: how.

    Returns:
        [N, W].
    """
    if pooling == "first":
        return hidden[:, 0]
    if pooling == "last":
        return hidden[:, -1]
    if pooling == "mean":
        weights = written[:, :, None].to(hidden.dtype)
        return (hidden * weights).sum(dim=1) / weights.sum(dim=1)
    if pooling == "max":
        return hidden.masked_fill(~written[:, :, None], float("-inf")).amax(dim=1)
    end = written.sum(dim=1) - 1
    return hidden[torch.arange(len(hidden), device=hidden.device), end]
