"""The true domains in place of latent ones: the comparison with manual domain labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ldpf.domains.assignment.base import ASSIGNMENTS, Assignment
from ldpf.errors import DataError
from ldpf.features.feature_set import FeatureSet


@ASSIGNMENTS.register("manual")
@dataclass(frozen=True)
class TrueDomains(Assignment):
    """The true domains of the training images, as many as there are."""

    needs_domains = True
    decides_number = True

    def given(self, train: FeatureSet, n_domains: int, seed: int) -> torch.Tensor:
        """The true domains [N], in the order of their ids."""
        if train.domains is None:
            raise DataError(
                "assignment='manual' takes the true domains of the training images, but they are "
                "unknown: arrange the images as domain/class/image, give a manifest with a "
                "'domain' column, or take assignment='clusters', which finds domains by itself."
            )
        return torch.unique(train.domains, return_inverse=True)[1]
