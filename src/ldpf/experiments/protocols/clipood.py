"""CLIPood: DomainBed's split of trial 0 for every seed, and 20% of the target measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ldpf.experiments.protocols.base import PROTOCOLS
from ldpf.experiments.protocols.domainbed_split import DomainBedSplit, domainbed_episode

if TYPE_CHECKING:
    from ldpf.experiments.episode import Episode
    from ldpf.features.feature_set import FeatureSet

TRIAL_SEED = 0
"""CLIPood's code gives DomainBed's split this trial, whatever the seed of the training."""


@PROTOCOLS.register("clipood")
class Clipood(DomainBedSplit):
    """Leave one domain out, with one split for all seeds; test on 20% of the target.

    The split is DomainBed's of trial 0 (Shu et al., CLIPood, ICML 2023, arXiv 2302.00864, and its
    `converter_domainbed.py`); the fifth of the target that DomainBed holds out is what is reported.
    """

    measured = "20% of the domain left out (CLIPood's split, one for all seeds)"

    def episode(
        self, data: FeatureSet, case: str, seed: int, train_fraction: float = 0.8
    ) -> Episode:
        """DomainBed's `out` split of the target tests; the split does not depend on `seed`."""
        self.check(data, [case])
        return domainbed_episode(data, case, seed, trial_seed=TRIAL_SEED, measure_held_out=True)
