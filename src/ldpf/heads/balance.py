"""Weights that let every latent domain count the same within every class."""

from __future__ import annotations

import torch


def cell_weights(labels: torch.Tensor, groups: torch.Tensor, n_classes: int) -> torch.Tensor:
    """Weight 1 / n(s, k) of each image, with n(s, k) the images of its domain and class.

    A class is then learned from its latent domains in equal parts, and not mostly from the one
    that has most of its images.

    Args:
        labels: class ids [N].
        groups: domain or latent domain [N] of each image.
        n_classes: K.

    Returns:
        [N] in double precision, with mean 1.
    """
    cells = groups * n_classes + labels
    weights = 1.0 / torch.bincount(cells).double()[cells]
    return weights * len(weights) / weights.sum()


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
