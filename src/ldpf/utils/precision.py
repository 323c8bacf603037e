"""Matrix products of the text encoder in bfloat16: fewer digits, in less time."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

OWN = "float32"
"""The precision that the tower is loaded in."""

PRECISIONS = (OWN, "bfloat16")
"""Of matrix products: the tower's own, and half of it."""


def products_in(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Compute matrix products and attention in this precision, and all else as it is.

    Layer norms, activations' sums and the residual stream stay in the tower's precision, as in
    mixed-precision training (Micikevicius et al. 2018).

    Args:
        precision: one of `PRECISIONS`; "float32" changes nothing.
        device: of the tower.
    """
    if precision == OWN:
        return nullcontext()
    import torch

    return torch.autocast(device.type, torch.bfloat16)


def normalized(features: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Features [..., D] of length one in the tower's precision: half of it rounds lengths too."""
    import torch.nn.functional as F

    return F.normalize(features.to(dtype), dim=-1)
