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

SUREST = 0.1
"""Share of the photos expected of a class that are looked at, those most like it."""

LIKE = 0.5
"""Mean probability of a class from which these photos are like it. With this, 2.5% of the classes
that a latent domain left out has are called missing on PACS, and 12.4% on the demo images (nearly
all of them classes that the model does not recognize there); with `FEWER` alone 22% and 40%."""

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


def likeness(probabilities: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """How much the photos that are most like a class are like it, for each class: [N, K] -> [K].

    The mean probability of the class over as many photos, those that have most of it, as `SUREST`
    of those expected by its share of the training images.

    Args:
        probabilities: [N, K], calibrated.
        shares: [K] of classes among the training images.
    """
    p = probabilities.double()
    number = (SUREST * shares.double() * len(p) - 1e-9).ceil().clamp(1, len(p)).long()
    sums = p.sort(dim=0, descending=True).values.cumsum(dim=0)
    return sums.gather(0, number[None] - 1)[0] / number


def missing_classes(
    probabilities: torch.Tensor,
    counts: torch.Tensor,
    shares: torch.Tensor,
    class_names: Sequence[str],
) -> list[str]:
    """Classes that a site seems to lack: hardly any is expected, and no photo is much like them.

    The expected counts alone call too many missing. Likelihood is maximized at 0 photos already
    where a class has a little less probability everywhere than the model gave it elsewhere, even if
    some photos are answered with it. So it is also asked whether any photos are like the class.

    Args:
        probabilities: [N, K] of the photos, calibrated.
        counts: [K] expected photos of each class, see `expected_counts`.
        shares: [K] of classes among the training images.
        class_names: K names.
    """
    usual = shares.double() * len(probabilities)
    lacks = (usual >= ENOUGH) & (counts < FEWER * usual)
    lacks &= likeness(probabilities, shares) < LIKE
    return [name for name, lacking in zip(class_names, lacks.tolist(), strict=True) if lacking]
