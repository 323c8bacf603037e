"""What protocols share that train on some domains and test on others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ldpf.errors import DataError
from ldpf.experiments.episode import Episode

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet


def across_domains(
    data: FeatureSet, case: str, tested: np.ndarray, seed: int, train_fraction: float
) -> Episode:
    """Train on some domains and test on the others.

    Args:
        data: N features with known domains.
        case: name of the domain that the two are divided by.
        tested: [N] boolean, images of test domains; the others are split into train and validation.
        seed, train_fraction: of that split.

    Raises:
        DataError: `case` has no image, or no other domain has one.
    """
    assert data.domains is not None
    domains = data.domains.numpy()
    own = domains == data.domain_names.index(case)
    for rows, position in ((own, "in"), (~own, "outside of")):
        if not rows.any():
            raise DataError(
                f"There is no image {position} the domain {case!r}, so it cannot be left out; "
                "choose another target or give more images."
            )
    train, validation, _ = data.subset(~tested).split(train_fraction, seed=seed)
    splits = data.splits
    held_out = np.flatnonzero(tested)
    if splits is not None:
        marked = splits == "test"
        some_marked = np.unique(domains[tested & marked])
        held_out = np.flatnonzero(tested & (marked | ~np.isin(domains, some_marked)))
    return Episode(case, seed, train=train, validation=validation, test=data.subset(held_out))
