"""Folds that leave out a group of images, such as a latent domain: it stands for a new domain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from ldpf.features.feature_set import FeatureSet


@dataclass(frozen=True, eq=False)
class GroupFold:
    """The images without those of one group, and those of that group.

    Attributes:
        group: id of the group that is left out.
        train, validation: images of the other groups. Either may be empty.
        judged: all images of the group, also those that were for validation.
    """

    group: int
    train: FeatureSet
    validation: FeatureSet
    judged: FeatureSet


def leave_one_group_out(
    train: FeatureSet,
    validation: FeatureSet,
    train_groups: Tensor,
    validation_groups: Tensor,
    groups: Iterable[int],
) -> Iterator[GroupFold]:
    """A fold for each group.

    Args:
        train, validation: labeled images.
        train_groups, validation_groups: [N] group of each training and of each validation image.
        groups: ids of those to leave out, one after the other.
    """
    for group in groups:
        judged = train.subset(train_groups == group).joined(
            validation.subset(validation_groups == group)
        )
        yield GroupFold(
            group,
            train.subset(train_groups != group),
            validation.subset(validation_groups != group),
            judged,
        )
