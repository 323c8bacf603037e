"""A random split in place of latent domains: what several prompts are worth by themselves."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ldpf.domains.assignment.base import ASSIGNMENTS, Assignment
from ldpf.features.feature_set import FeatureSet
from ldpf.utils.seed import generator


@ASSIGNMENTS.register("random")
@dataclass(frozen=True)
class RandomSplit(Assignment):
    """Random parts of (nearly) equal size, independent of the images."""

    def given(self, train: FeatureSet, n_domains: int, seed: int) -> torch.Tensor:
        """A random domain of each training image, [N]."""
        order = torch.randperm(len(train), generator=generator(seed, "random domains"))
        return order % n_domains
