"""Whether an image lies outside what a model was trained on, by a threshold that was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ldpf.seeding import generator

MAX_REFERENCES = 512
"""Training features kept: a few hundred kilobytes in a model folder."""

QUANTILE = 0.99
"""Share of unseen images of the training sources that count as inside."""


@dataclass(frozen=True)
class OutsideCheck:
    """Distance of an image feature to the nearest of some training images.

    The score of an image is 1 - max_r cos(f, f_r), over references f_r drawn from the training
    images. (Distances of domain features z to the centroids do not serve: z is trained to lose the
    content of an image, and random noise then lies as near to a centroid as a photo.) An image is
    outside if its score exceeds the threshold, which `QUANTILE` of held-out images of the training
    sources stay below. So about 1 in 100 ordinary images is called outside too, and one that is
    called inside may still be answered wrongly.

    Attributes:
        references: [R, D] features of training images, of length one.
        threshold: score above which an image is outside.
        n_measured: how many images the threshold was measured on; few make it rough.
    """

    references: torch.Tensor
    threshold: float
    n_measured: int

    @classmethod
    def measure(
        cls, train: torch.Tensor, held_out: torch.Tensor, *, seed: int = 0
    ) -> OutsideCheck | None:
        """Draw references and measure the threshold.

        Args:
            train: [N, D] features of training images.
            held_out: [M, D] features of other images of the same sources. With none of them, half
                of the training images stand in.
            seed: of the draw.

        Returns:
            The check, or None where fewer than two images are given.
        """
        order = torch.randperm(len(train), generator=generator(seed, "outside"))
        train = train[order.to(train.device)].float().cpu()
        if not len(held_out):
            held_out, train = train[: len(train) // 2], train[len(train) // 2 :]
        if not len(train) or not len(held_out):
            return None
        references = train[:MAX_REFERENCES].clone()
        scores = _scores(held_out.float().cpu(), references).sort().values
        threshold = scores[math.ceil(QUANTILE * len(scores)) - 1]
        return cls(references, float(threshold), len(scores))

    def scores(self, features: torch.Tensor) -> torch.Tensor:
        """1 - cosine to the nearest reference: [N, D] -> [N]."""
        return _scores(features, self.references)

    def is_outside(self, features: torch.Tensor) -> torch.Tensor:
        """Which images lie outside: [N, D] -> [N] bool."""
        return self.scores(features) > self.threshold

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything needed to rebuild this object, by name."""
        return {
            "references": self.references.contiguous(),
            "threshold": torch.tensor(self.threshold, dtype=torch.float64),
            "n_measured": torch.tensor(self.n_measured),
        }

    @classmethod
    def from_tensors(cls, tensors: dict[str, torch.Tensor]) -> OutsideCheck:
        """Rebuild from `tensors()`."""
        return cls(tensors["references"], float(tensors["threshold"]), int(tensors["n_measured"]))


def _scores(features: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    return 1.0 - (features @ references.T).max(dim=1).values
