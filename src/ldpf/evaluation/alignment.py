"""Accuracy apart for images that the backbone knows by their label's words, and for the others.

Teterwak, Saito, Tsiligkaridis, Plummer, Saenko: Is Large-Scale Pretraining the Secret to Good
Domain Generalization?, arXiv 2412.02856, divide DomainBed by the cosine of an image and the text of
its own class: what is above 0.21 was learned in pretraining, and methods are hard to tell apart by
it; what is below (their DomainBed-OOP) was not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

ALIGNMENT_THRESHOLD = 0.21
"""Of the paper, for CLIP; other backbones have cosines on another scale."""


@dataclass(frozen=True)
class AlignmentSplit:
    """Accuracy by alignment.

    Attributes:
        threshold: cosine that divides.
        aligned, misaligned: share of right answers to the images at or above it, and below; None
            where there are none.
        n_aligned, n_misaligned: how many images these are.
    """

    threshold: float
    aligned: float | None
    misaligned: float | None
    n_aligned: int
    n_misaligned: int

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return asdict(self)


def own_label_cosines(features: Tensor, labels: Tensor, text_features: Tensor) -> Tensor:
    """Cosine [N] of each image and the text of its own class.

    Args:
        features: [N, D] of length one.
        labels: [N] class ids.
        text_features: [K, D] of length one, of the classes in sentences written by hand.
    """
    return (features * text_features.to(features)[labels]).sum(dim=1)


def split_by_alignment(cosines: Tensor, right: Tensor, threshold: float) -> AlignmentSplit:
    """Divide answers by alignment.

    Args:
        cosines: [N] from `own_label_cosines`.
        right: [N] bool, whether the answer is right.
        threshold: cosine that divides.
    """
    above = cosines >= threshold
    parts = right[above].double(), right[~above].double()
    aligned, misaligned = (float(part.mean()) if len(part) else None for part in parts)
    return AlignmentSplit(threshold, aligned, misaligned, len(parts[0]), len(parts[1]))
