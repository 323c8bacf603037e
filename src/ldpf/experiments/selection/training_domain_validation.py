"""Selection by held-out images of the training domains."""

from __future__ import annotations

from collections.abc import Iterator

from ldpf.experiments.episode import Episode, Fold
from ldpf.experiments.selection.base import SELECTION_RULES, SelectionRule


@SELECTION_RULES.register("training-domain-validation")
class TrainingDomainValidation(SelectionRule):
    """Held-out images of the training domains choose checkpoints and settings."""

    words = "training-domain validation (the target is never looked at)"
    judged_on = "on held-out images of the same sources"

    def folds(self, episode: Episode) -> Iterator[Fold]:
        """One fold: the episode's own training and validation."""
        yield Fold("", episode.train, episode.validation, episode.validation)
