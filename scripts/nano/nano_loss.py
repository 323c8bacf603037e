"""The contrastive loss of `nano` and the schedule of its learning rate."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor


def multi_positive_loss(logits: Tensor, true: Tensor) -> Tensor:
    """Symmetric contrastive loss in which several captions may be true of an image.

    Args:
        logits: [images, captions].
        true: bool [images, captions]; every row holds at least one True. Captions that are true of
            no image only serve as wrong answers.

    Each side is a cross-entropy whose target is spread evenly over what is true.
    """
    weight = true.float()
    by_image = -(weight / weight.sum(1, keepdim=True) * F.log_softmax(logits, dim=1)).sum(1).mean()
    shares = weight / weight.sum(0, keepdim=True).clamp_min(1)
    used = true.any(0).float()
    by_text = -(shares * F.log_softmax(logits, dim=0)).sum(0)
    return (by_image + (by_text * used).sum() / used.sum()) / 2


def learning_rate(step: int, progress: float, peak: float, warmup: int) -> float:
    """Linear warm-up in steps, then a cosine over `progress` in [0, 1] down to 1 % of the peak."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))
