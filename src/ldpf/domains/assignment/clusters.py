"""Latent domains are clusters of domain features: the method itself."""

from __future__ import annotations

from dataclasses import dataclass

from ldpf.domains.assignment.base import ASSIGNMENTS, Assignment
from ldpf.features.feature_set import FeatureSet


@ASSIGNMENTS.register("clusters")
@dataclass(frozen=True)
class Clusters(Assignment):
    """Discovered: clusters of z, computed again in every round."""

    def given(self, train: FeatureSet, n_domains: int, seed: int) -> None:
        """Nothing is given."""
        return None
