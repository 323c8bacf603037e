"""CLIPood: DomainBed's split of trial 0 for every seed, and 20% of the target measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ldpf.experiments.protocols.base import PROTOCOLS, Protocol
from ldpf.experiments.protocols.domainbed_split import (
    domainbed_episode,
    refuse_groups,
    split_remarks,
)

if TYPE_CHECKING:
    from ldpf.data.dataset import ImageDataset
    from ldpf.experiments.episode import Episode
    from ldpf.features.feature_set import FeatureSet

TRIAL_SEED = 0
"""CLIPood's code gives DomainBed's split this trial, whatever the seed of the training."""


@PROTOCOLS.register("clipood")
class Clipood(Protocol):
    """Leave one domain out with one split for all seeds, and 20% of the target measured.

    The split is DomainBed's of trial 0 (Shu et al., CLIPood, ICML 2023, arXiv 2302.00864, and its
    `converter_domainbed.py`); the fifth of the target that DomainBed holds out is what is reported.
    """

    doing = "Leaving one domain out"
    measured = "20% of the domain left out (CLIPood's split, one for all seeds)"
    unit = "target"
    leaves_one_out = True
    train_fraction = 0.8

    def episode(
        self, data: FeatureSet, case: str, seed: int, train_fraction: float = 0.8
    ) -> Episode:
        """DomainBed's `out` split of the target tests; the split does not depend on `seed`."""
        self.check(data, [case])
        return domainbed_episode(data, case, seed, trial_seed=TRIAL_SEED, measure_held_out=True)

    def check(self, data: FeatureSet | ImageDataset, domains: Sequence[str] = ()) -> None:
        """As every protocol; images in groups are refused."""
        super().check(data, domains)
        refuse_groups("clipood", data)

    def remarks(self, data: FeatureSet) -> list[str]:
        """Why the split is not CLIPood's own, where it is not."""
        return split_remarks("clipood", data)
