"""Closed-form removal of what a linear classifier could still read of the class."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ldpf.domains.disentangle.base import DISENTANGLERS, Disentangler
from ldpf.domains.disentangle.maps import LinearMap


@DISENTANGLERS.register("leace")
@dataclass(frozen=True)
class Leace(Disentangler):
    """Least-squares erasure of the class, in closed form (Belrose et al. 2023).

    On the training images no linear classifier reads the class off z better than by always giving
    one answer; see `class_erasure`.
    """

    def fit(self, features: torch.Tensor, labels: torch.Tensor, n_classes: int) -> LinearMap:
        """The erasing map of standardized features, [D] -> [D]."""
        result = LinearMap(features.shape[1], features.shape[1])
        result.set_input(features)
        result.matrix.copy_(class_erasure(result.standardize(features), labels, n_classes))
        return result


_BLOCK = 32_768
"""Images whose covariances are added up at once, at most."""

_ENTRIES = 2**25
"""Numbers of a matrix of images by classes that are held at once (256 MiB)."""


def class_erasure(z: torch.Tensor, labels: torch.Tensor, n_classes: int) -> torch.Tensor:
    """The linear map closest to the identity after which class means coincide.

    Least-squares concept erasure (LEACE, Belrose et al. 2023, theorem 4.3):
    P = I - W^+ Q W, W = Sigma_zz^(-1/2), Q the orthogonal projection onto the columns of
    W Sigma_zy. After it no linear classifier does better than always giving one answer on the data
    the map was fitted on.

    Args:
        z: [N, Z] centered on its mean.
        labels: [N] int64.
        n_classes: K; up to K - 1 directions are removed.

    Returns:
        P, [Z, Z] in the dtype of `z`; use as z @ P.T. The identity where z is constant.
    """
    size = z.shape[1]
    shares = torch.bincount(labels, minlength=n_classes).double() / len(z)
    cross = torch.zeros(size, n_classes, dtype=torch.double)
    gram = torch.zeros(size, size, dtype=torch.double)
    # In blocks: a million images in double precision would take several times their memory, and so
    # would thousands of classes.
    block = min(_BLOCK, max(1, _ENTRIES // n_classes))
    for rows, ids in zip(z.split(block), labels.split(block), strict=True):
        x = rows.double()
        members = (-shares).repeat(len(ids), 1)  # [block, K]: one-hot less the shares
        members[torch.arange(len(ids)), ids] += 1
        cross += x.T @ members
        gram += x.T @ x
    cross, gram = cross / len(z), gram / len(z)  # [Z, K], [Z, Z]
    values, vectors = torch.linalg.eigh(gram)
    kept = values > values.max() * 1e-9  # none where z is constant
    root = values[kept].sqrt()
    whiten = vectors[:, kept] / root  # [Z, r], W = whiten @ vectors.T restricted to the kept space
    color = vectors[:, kept] * root
    basis, strength, _ = torch.linalg.svd(whiten.T @ cross, full_matrices=False)
    # Correlations with whitened directions have no unit: below this they are rounding errors.
    basis = basis[:, strength > 1e-9]
    identity = torch.eye(size, dtype=torch.double)
    return (identity - color @ basis @ basis.T @ whiten.T).to(z.dtype)
