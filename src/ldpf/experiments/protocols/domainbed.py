"""DomainBed: a split for each seed, and 80% of the domain left out measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ldpf.experiments.protocols.base import PROTOCOLS
from ldpf.experiments.protocols.domainbed_split import DomainBedSplit, domainbed_episode

if TYPE_CHECKING:
    from ldpf.experiments.episode import Episode
    from ldpf.features.feature_set import FeatureSet


@PROTOCOLS.register("domainbed")
class DomainBed(DomainBedSplit):
    """Leave one domain out, with DomainBed's own split for each seed; 80% of each is used.

    20% of every training domain validate. What is reported is the other 80% of the domain left
    out (`env_in_acc` of the test environment), since DomainBed keeps its fifth for the oracle.
    """

    measured = "80% of the domain left out (DomainBed's split, anew for each seed)"

    def episode(
        self, data: FeatureSet, case: str, seed: int, train_fraction: float = 0.8
    ) -> Episode:
        """DomainBed's `in` split of the target tests; `seed` is its trial seed."""
        self.check(data, [case])
        return domainbed_episode(data, case, seed, trial_seed=seed, measure_held_out=False)
