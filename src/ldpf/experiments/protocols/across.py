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
    splits = data.splits
    held_out = np.flatnonzero(tested)
    if splits is not None:
        marked = splits == "test"
        some_marked = np.unique(domains[tested & marked])
        held_out = np.flatnonzero(tested & (marked | ~np.isin(domains, some_marked)))
    test = data.subset(held_out)
    # A patient seen at a source and at the target would be recognized.
    learned = data.subset(~tested).without_groups_of(test)
    if not len(learned):
        raise DataError(
            f"Every training image of the case {case!r} is in a group with a test image; give "
            "finer groups."
        )
    train, validation, _ = learned.split(train_fraction, seed=seed)
    return Episode(case, seed, train=train, validation=validation, test=test)
