"""What a selection rule is, and the registry of selection rules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ldpf.errors import DataError
from ldpf.experiments.episode import Episode, Fold
from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

DEFAULT_SELECTION = "training-domain-validation"


class SelectionRule(ABC):
    """A rule by which checkpoints and settings are chosen.

    Attributes:
        registered_name: as it is stored in results.
        words: what checkpoints are selected by, as the end of a sentence.
        judged_on: what a trial's score is measured on, as the end of a sentence.
        cross_validated: whether settings are chosen by trainings of the rule's own, so that there
            must be some to choose between.
        uses_target: whether images of the target choose: an upper bound, reported as an oracle.
        needs_domains: whether the true training domains must be known.
    """

    registered_name: ClassVar[str]
    words: ClassVar[str]
    judged_on: ClassVar[str]
    cross_validated: ClassVar[bool] = False
    uses_target: ClassVar[bool] = False
    needs_domains: ClassVar[bool] = False

    def described(self) -> dict[str, Any]:
        """What a model keeps of the rule that chose its settings, as JSON."""
        return {
            "selection": self.registered_name,
            "judged_on": self.judged_on,
            "needs_domains": self.needs_domains,
        }

    def prepare(self, episode: Episode, train_fraction: float = 0.8) -> Episode:
        """An episode as the rule wants it: as it is, unless a rule says otherwise.

        Args:
            episode: from a protocol.
            train_fraction: share of each class that is not used to choose by.

        Raises:
            DataError: there are no images to choose by.
        """
        return episode

    @abstractmethod
    def folds(self, episode: Episode) -> Iterator[Fold]:
        """The trainings whose mean score decides between settings.

        Args:
            episode: from `prepare`.

        Raises:
            DataError: there is only one domain to leave out, or nothing would be left without it.
        """

    def n_folds(self, episode: Episode) -> int:
        """How many folds there are; errors as in `folds`."""
        return sum(1 for _ in self.folds(episode))


SELECTION_RULES: Registry[SelectionRule] = Registry(
    "selection rule", "ldpf.experiments.selection", variable="SELECTION_RULES"
)
"""By the name that `--selection` takes."""


def get_selection(name: str = DEFAULT_SELECTION) -> SelectionRule:
    """The selection rule called `name`; raises SettingsError for an unknown one."""
    return SELECTION_RULES.make(name)


def uses_target(selection: str) -> bool:
    """Whether the rule named in a result line looks at the target.

    Args:
        selection: name of a rule, or `none`, which stands with what selects nothing.
    """
    return selection in SELECTION_RULES and get_selection(selection).uses_target


def folds_of_groups(
    episode: Episode, names: Mapping[int, str], train_groups: Tensor, validation_groups: Tensor
) -> Iterator[Fold]:
    """Leave out each group of training and validation images in turn, and judge by it.

    Args:
        episode: whose training domains are used; its test is not looked at.
        names: of the groups by id.
        train_groups, validation_groups: [N] group of each training and of each validation image.

    Raises:
        DataError: nothing would be left without a group, or it is empty.
    """
    # Imported here since the domains load torch, and the command line needs the names alone.
    from ldpf.domains.folds import leave_one_group_out

    groups = train_groups, validation_groups
    for fold in leave_one_group_out(episode.train, episode.validation, *groups, names):
        name = names[fold.group]
        if not all(map(len, (fold.train, fold.validation, fold.judged))):
            raise DataError(
                f"Without {name} there would be no images left to train, to choose a checkpoint or "
                "to judge by; give more images or choose another selection rule."
            )
        yield Fold(name, fold.train, fold.validation, fold.judged)
