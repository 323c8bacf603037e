"""Selection by the target's own labels: an upper bound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ldpf.data.splits import split_train_validation
from ldpf.errors import DataError
from ldpf.experiments.episode import Episode, Fold
from ldpf.experiments.selection.base import SELECTION_RULES, SelectionRule


@SELECTION_RULES.register("target-oracle")
class TargetOracle(SelectionRule):
    """A fifth of the target chooses, and the rest is tested: an upper bound.

    The images that choose are never those that are measured. The validation images of the training
    domains are not used.
    """

    words = (
        "the true labels of a fifth of the target, and measured on the rest: an upper bound, not "
        "domain generalization"
    )
    judged_on = "on a part of the target"
    uses_target = True

    def prepare(self, episode: Episode, train_fraction: float = 0.8) -> Episode:
        """Take `1 - train_fraction` of every test domain and class as validation images."""
        test = episode.test
        assert test.domains is not None
        measured, choosing = split_train_validation(
            test.labels.numpy(),
            test.domains.numpy(),
            groups=test.groups,
            train_fraction=train_fraction,
            seed=episode.seed,
        )
        if not len(choosing):
            raise DataError(
                f"The target oracle needs test images to choose by, but no class of "
                f"{episode.case!r} has two; choose another selection rule."
            )
        return replace(episode, validation=test.subset(choosing), test=test.subset(measured))

    def folds(self, episode: Episode) -> Iterator[Fold]:
        """One fold: the training images, judged by the part of the target that chooses."""
        yield Fold("", episode.train, episode.validation, episode.validation)
