"""Soft Prompt Generation: one stratified 70/30 split for all seeds, and the whole target."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ldpf.experiments.protocols.across import across_domains
from ldpf.experiments.protocols.base import PROTOCOLS, Protocol

if TYPE_CHECKING:
    from ldpf.experiments.episode import Episode
    from ldpf.features.feature_set import FeatureSet

SPLIT_SEED = 0
"""Of the split where there is no published list; the same for every seed."""

TRAIN_FRACTION = 0.7
"""Of each domain that is not the target."""

_NEAR = 0.05


@PROTOCOLS.register("spg")
class SoftPromptGeneration(Protocol):
    """Leave one domain out; train on 70% (one list for all seeds), test on the whole target.

    Soft Prompt Generation (SPG, Bai et al., ECCV 2024, arXiv 2404.19286) and DPSPG (arXiv
    2505.18770) share one stratified list of each domain among all methods and seeds. Where the
    images come with these lists they are used; else a split like them is drawn once.
    """

    doing = "Leaving one domain out"
    measured = "the domain left out, trained on 70% of the others (SPG's split, one for all seeds)"
    unit = "target"
    leaves_one_out = True
    train_fraction = TRAIN_FRACTION

    def episode(
        self, data: FeatureSet, case: str, seed: int, train_fraction: float = TRAIN_FRACTION
    ) -> Episode:
        """The target is test, whole; the split of the others does not depend on `seed`."""
        self.check(data, [case])
        assert data.domains is not None
        is_target = (data.domains == data.domain_names.index(case)).numpy()
        if not has_lists(data):
            data = replace(data, splits=None)
        episode = across_domains(data, case, is_target, SPLIT_SEED, TRAIN_FRACTION)
        return replace(episode, seed=seed)

    def remarks(self, data: FeatureSet) -> list[str]:
        """That the split is drawn, where the images come without SPG's lists."""
        if has_lists(data):
            return []
        beside = "" if data.splits is None else ", and the splits that are there are not used"
        return [
            "The lists of SPG (folder spg_coop_splits) or DPSPG (dpspg_coop_splits) are not there, "
            f"so 70% of each class are drawn once, the same for all seeds{beside}."
        ]


def has_lists(data: FeatureSet) -> bool:
    """Whether the splits can be SPG's: of every domain 70% train, 30% validation, no test."""
    if data.splits is None or data.domains is None:
        return False
    domains = data.domains.numpy()
    shares = [np.mean(data.splits[domains == d] == "train") for d in np.unique(domains)]
    return bool(
        np.isin(data.splits, ("train", "val")).all()
        and all(abs(share - 0.7) <= _NEAR for share in shares)
    )
