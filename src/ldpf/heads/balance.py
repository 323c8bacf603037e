"""Weights that let every latent domain count the same within every class."""

from __future__ import annotations

import torch


def cell_weights(
    labels: torch.Tensor,
    groups: torch.Tensor,
    n_classes: int,
    sample_weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Weight 1 / n(s, k) of each image, with n(s, k) the images of its domain and class.

    A class is then learned from its latent domains in equal parts, and not mostly from the one
    that has most of its images.

    Args:
        labels: class ids [N].
        groups: domain or latent domain [N] of each image.
        n_classes: K.
        sample_weight: [N], 0 or more; an image of weight 2 counts as two. None for ones.

    Returns:
        [N] in double precision, with the sum of `sample_weight` (mean 1 without).
    """
    weights = torch.ones(len(labels)) if sample_weight is None else sample_weight
    weights = weights.double()
    cells = groups * n_classes + labels
    counts = torch.bincount(cells, weights)[cells]
    balanced = weights / counts.where(counts > 0, 1.0)
    return balanced * weights.sum() / balanced.sum()


def cell_weights_reference(
    labels: torch.Tensor, groups: torch.Tensor, n_classes: int
) -> torch.Tensor:
    """The definition of `cell_weights`, image by image."""
    weights = torch.tensor(
        [
            1.0 / sum(int(g == group and k == label) for g, k in zip(groups, labels, strict=True))
            for group, label in zip(groups, labels, strict=True)
        ],
        dtype=torch.double,
    )
    return weights / weights.mean()
