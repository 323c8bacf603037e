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
        aside: images of other groups that are in neither, since an image of the same burst, patient
            or the like (`FeatureSet.groups`) is judged; None where there are none.
    """

    group: int
    train: FeatureSet
    validation: FeatureSet
    judged: FeatureSet
    aside: FeatureSet | None = None

    @property
    def judged_by_itself(self) -> FeatureSet:
        """The judged images of whose burst, patient or the like no other group has an image.

        What was trained on all other groups has seen nothing of these.
        """
        return self.judged if self.aside is None else self.judged.without_groups_of(self.aside)


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
        others = train.subset(train_groups != group), validation.subset(validation_groups != group)
        learned, chosen_on = (part.without_groups_of(judged) for part in others)
        first, second = (part.with_groups_of(judged) for part in others)
        aside = first.joined(second) if len(first) + len(second) else None
        yield GroupFold(group, learned, chosen_on, judged, aside)
