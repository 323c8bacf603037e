"""Sharpness-aware steps (SAM, Foret et al. 2021): the gradient where the loss is highest nearby."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch


@contextmanager
def moved_uphill(parameters: Sequence[torch.nn.Parameter], rho: float) -> Iterator[None]:
    """Move parameters p with gradients g to p + rho g / |g|, and back afterwards.

    What is computed inside replaces their gradients, which are cleared at the beginning.

    Args:
        parameters: all that the distance rho is measured over; a gradient may be None.
        rho: Euclidean distance.
    """
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm().clamp_min(1e-12)
    before = [parameter.detach().clone() for parameter in parameters]
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.add_(gradient * (rho / norm))
            parameter.grad = None
    yield
    with torch.no_grad():
        for parameter, value in zip(parameters, before, strict=True):
            parameter.copy_(value)
