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
        left_aside: images of other groups that are in neither, since an image of the same burst,
            patient or the like is judged.
    """

    group: int
    train: FeatureSet
    validation: FeatureSet
    judged: FeatureSet
    left_aside: int = 0


def leave_one_group_out(
    train: FeatureSet,
    validation: FeatureSet,
    train_groups: Tensor,
    validation_groups: Tensor,
    groups: Iterable[int],
) -> Iterator[GroupFold]:
    """A fold for each group.

    Where the images have groups of their own that must stay together, such as bursts
    (`FeatureSet.groups`), an image of which a member is judged is in no training of that fold.

    Args:
        train, validation: labeled images.
        train_groups, validation_groups: [N] group of each training and of each validation image.
        groups: ids of those to leave out, one after the other.
    """
    for group in groups:
        judged = train.subset(train_groups == group).joined(
            validation.subset(validation_groups == group)
        )
        learned = train.subset(train_groups != group).without_groups_of(judged)
        chosen_on = validation.subset(validation_groups != group).without_groups_of(judged)
        others = len(train) + len(validation) - len(judged)
        yield GroupFold(group, learned, chosen_on, judged, others - len(learned) - len(chosen_on))
