"""Numbers of latent domains judged by heads in closed form, which stand for prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch

from ldpf.heads.gda_balanced import BalancedDiscriminant
from ldpf.utils.seed import generator

ELSEWHERE = 0.02
"""Weight of images of other latent domains in the head of one: it must know every class."""

DIVISIONS = 3
"""Random divisions of two latent domains that they are compared with."""


@dataclass(frozen=True)
class Judged:
    """What closed-form heads say of the numbers of latent domains.

    Attributes:
        left_out: by number, mean accuracy on latent domains that the head did not learn from.
        alike: by number, how alike the answers of the two most similar latent domains are, see
            `likeness`; 0 for a single one.
    """

    left_out: dict[int, float]
    alike: dict[int, float]


def judge(
    features: torch.Tensor,
    labels: torch.Tensor,
    n_classes: int,
    clusterings: Mapping[int, torch.Tensor],
    seed: int = 0,
) -> Judged:
    """Judge clusterings of the same images by balanced discriminants.

    The latent domains of every clustering are left out in turn, and for every clustering a head
    balanced over its domains learns from the other images. So all numbers are judged on the same
    folds, not each on its own: leaving out one of two domains is harder than one of eight.

    Args:
        features: f [N, D].
        labels: class ids [N].
        n_classes: K.
        clusterings: latent domain of each image [N], by number of latent domains.
        seed: of every random draw.
    """
    head = BalancedDiscriminant()

    def right(group: torch.Tensor, keep: torch.Tensor) -> float:
        fitted = head.fit(features[keep], labels[keep], group[keep], n_classes=n_classes)
        answers = fitted.logits(features[~keep]).argmax(dim=1)
        return float((answers == labels[~keep]).double().mean())

    folds = [
        assigned != domain
        for number, assigned in clusterings.items()
        if number > 1
        for domain in range(number)
    ]
    folds = [keep for keep in folds if keep.any() and not keep.all()]
    left_out = {
        number: float(np.mean([right(assigned, keep) for keep in folds])) if folds else 0.0
        for number, assigned in clusterings.items()
    }
    alike = {
        number: max(
            (
                likeness(features, labels, n_classes, assigned, pair, seed)
                for pair in combinations(range(number), 2)
            ),
            default=0.0,
        )
        for number, assigned in clusterings.items()
    }
    return Judged(left_out, alike)


def likeness(
    features: torch.Tensor,
    labels: torch.Tensor,
    n_classes: int,
    assigned: torch.Tensor,
    pair: tuple[int, int],
    seed: int,
) -> float:
    """How alike the answers of two latent domains' heads are, where 1 is as if divided by chance.

    The head of a latent domain learns from its images; the others count `ELSEWHERE`. Two heads
    disagree on some images even if their domains differ by chance only, and the more so the fewer
    images they have. So the images of each class in both domains are divided anew at random, in
    parts of the same sizes, and what the heads of these parts disagree on is the measure.

    Args:
        features, labels: [N, D] and [N].
        n_classes: K.
        assigned: latent domains [N].
        pair: two of them.
        seed: of the random division.

    Returns:
        Images on which heads of random parts disagree (mean) by those on which the pair does; 0
        where neither disagree, since then nothing tells.
    """
    everything = torch.zeros_like(labels)

    def disagreements(group: torch.Tensor) -> int:
        answers = []
        for domain in pair:
            weights = torch.where(group == domain, 1.0, ELSEWHERE).double()
            head = BalancedDiscriminant().fit(
                features, labels, everything, n_classes=n_classes, sample_weight=weights
            )
            answers.append(head.logits(features).argmax(dim=1))
        return int((answers[0] != answers[1]).sum())

    draws = generator(seed, f"divide {pair[0]} and {pair[1]} anew")
    either = (assigned == pair[0]) | (assigned == pair[1])
    by_chance = 0
    for _ in range(DIVISIONS):
        shuffled = assigned.clone()
        for k in range(n_classes):
            rows = (either & (labels == k)).nonzero().flatten()
            shuffled[rows] = assigned[rows[torch.randperm(len(rows), generator=draws)]]
        by_chance += disagreements(shuffled)
    return by_chance / DIVISIONS / max(disagreements(assigned), 1)
