"""How many photos of each class a site has, from calibrated probabilities alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch

FEWER = 0.1
"""A class seems to be missing where it has less than this share of the photos that it would have
by its share of the training images."""

ENOUGH = 5.0
"""Photos that a class would have by its share of the training images, below which nothing is said
of it."""

_STEPS = 1000
_TOLERANCE = 1e-6


def expected_counts(probabilities: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Photos of each class that a site most likely has, [N, K] -> [K] float64.

    The shares of classes that make the photos likeliest, by expectation maximization (Saerens,
    Latinne, Decaestecker 2002; with calibrated probabilities: Alexandari, Kundaje, Shrikumar, ICML
    2020). The plain sum of probabilities never comes near 0, since every photo has a little of
    every class.

    Args:
        probabilities: [N, K], calibrated.
        shares: [K] of classes among the training images.
    """
    p, before = probabilities.double(), shares.double().clamp_min(1e-12)
    now = p.mean(dim=0)
    for _ in range(_STEPS):
        posterior = p * (now / before)
        posterior = posterior / posterior.sum(dim=1, keepdim=True).clamp_min(1e-300)
        after = posterior.mean(dim=0)
        done = float((after - now).abs().max()) < _TOLERANCE
        now = after
        if done:
            break
    return now * len(p)


def missing_classes(
    counts: torch.Tensor, shares: torch.Tensor, class_names: Sequence[str]
) -> list[str]:
    """Classes that a site seems to lack.

    Args:
        counts: [K] expected photos of each class.
        shares: [K] of classes among the training images.
        class_names: K names.
    """
    usual = shares.double() * counts.sum()
    lacks = (usual >= ENOUGH) & (counts < FEWER * usual)
    return [name for name, lacking in zip(class_names, lacks.tolist(), strict=True) if lacking]
