"""Small optimizations that rules share: full batch, float64, without a random draw."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch

SCALES = (1 / 64, 64.0)
"""Range in which `likeliest_scale` looks for a scale."""

_HALVINGS = 40


def minimized(
    loss: Callable[..., torch.Tensor], start: Mapping[str, torch.Tensor], *, steps: int = 100
) -> dict[str, torch.Tensor]:
    """Values that minimize a smooth loss, by L-BFGS (Liu & Nocedal 1989) in float64.

    Args:
        loss: from the values as keyword arguments to a number.
        start: first values by name.
        steps: at most so many iterations.
    """
    values = {name: value.detach().double().clone() for name, value in start.items()}
    leaves = [value.requires_grad_() for value in values.values()]
    optimizer = torch.optim.LBFGS(
        leaves,
        max_iter=steps,
        tolerance_grad=1e-10,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss(**values)
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(closure)  # type: ignore[arg-type]
    return {name: value.detach() for name, value in values.items()}


def likeliest_scale(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The factor a on logits [N, K] that makes the labels [N] likeliest: 1 / temperature.

    The mean of log softmax(a z)_y is concave in a, so its slope, mean z_y - E_p z, changes sign
    once, and halving the interval `SCALES` (in the logarithm) finds where. Temperature scaling:
    Guo et al. 2017. Without images it is 1.
    """
    if not len(labels):
        return 1.0
    z = logits.double()
    of_label = z.gather(1, labels[:, None]).mean()
    low, high = (math.log(end) for end in SCALES)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        expected = ((math.exp(middle) * z).softmax(dim=1) * z).sum(dim=1).mean()
        low, high = (middle, high) if of_label >= expected else (low, middle)
    return math.exp((low + high) / 2)


def calibrated(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """log p(y|x) [N] float64 of logits [N, K] at the temperature that makes the labels likeliest.

    Without it, whatever is less sure would win on images unlike those of training, no matter what
    it answers.
    """
    scaled = likeliest_scale(logits, labels) * logits.double()
    return scaled.log_softmax(dim=1).gather(1, labels[:, None])[:, 0]
