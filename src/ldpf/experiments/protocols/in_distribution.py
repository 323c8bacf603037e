"""In distribution: the reference without a change of domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ldpf.data.groups import require_whole
from ldpf.data.splits import split_train_validation
from ldpf.errors import DataError
from ldpf.experiments.episode import Episode
from ldpf.experiments.protocols.base import PROTOCOLS, Protocol

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet

ALL_DOMAINS = "all domains"
"""The only case."""


@PROTOCOLS.register("in-distribution")
class InDistribution(Protocol):
    """Train on images of every domain and test on other images of the same domains.

    No domain generalization: it shows what the same method reaches where the domain is known, as a
    reference for the other protocols' numbers.
    """

    doing = "Testing on the domains that were trained on"
    measured = "held-out images of domains that were trained on (no domain generalization)"
    domains_needed = 1

    def cases(self, domains: Sequence[str]) -> list[str]:
        """One training for all domains."""
        return [ALL_DOMAINS]

    def episode(
        self, data: FeatureSet, case: str, seed: int, train_fraction: float = 0.8
    ) -> Episode:
        """Split every domain into test and the rest, and the rest into train and validation.

        Of every domain and class `1 - train_fraction` is test, unless a manifest marks test images.
        `seed` and `train_fraction` are those of both splits.
        """
        self.check(data)
        assert data.domains is not None
        labels, domains, splits = data.labels.numpy(), data.domains.numpy(), data.splits
        if splits is not None and (splits == "test").any():
            if data.groups is not None:
                require_whole(data.groups, splits, data.paths)
            kept, test = np.flatnonzero(splits != "test"), np.flatnonzero(splits == "test")
        else:
            kept, test = split_train_validation(
                labels, domains, groups=data.groups, train_fraction=train_fraction, seed=seed
            )
        if not len(test):
            raise DataError(
                f"None of the {len(data):,} images is left for testing: no class has two images in "
                "one domain; give more images."
            )
        train, validation, _ = data.subset(kept).split(train_fraction, seed=seed)
        return Episode(case, seed, train=train, validation=validation, test=data.subset(test))
