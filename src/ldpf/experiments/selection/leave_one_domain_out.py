"""Selection by leaving out each training domain in turn."""

from __future__ import annotations

from collections.abc import Iterator

from ldpf.errors import DataError
from ldpf.experiments.episode import Episode, Fold
from ldpf.experiments.selection.base import SELECTION_RULES, SelectionRule, folds_of_groups


@SELECTION_RULES.register("leave-one-domain-out")
class LeaveOneTrainingDomainOut(SelectionRule):
    """Settings are chosen on training domains left out in turn, by their true names.

    A method that needs no domain labels is then chosen with them.
    """

    words = (
        "training-domain validation, settings chosen by leaving out each training domain in turn "
        "(the target is never looked at)"
    )
    judged_on = "on known domains left out in turn"
    cross_validated = True
    needs_domains = True

    def folds(self, episode: Episode) -> Iterator[Fold]:
        """A fold for each training domain, judged by all its images."""
        train, validation = episode.train, episode.validation
        if train.domains is None or validation.domains is None:
            raise DataError(
                "Selection by leaving a training domain out needs known domains, but these images "
                "have none; leave-one-latent-domain-out needs none."
            )
        if len(episode.sources) < 2:
            raise DataError(
                "Selection by leaving a training domain out needs at least 2 of them, but there is "
                f"only {episode.sources[0]!r}; choose another selection rule."
            )
        names = {train.domain_names.index(name): name for name in episode.sources}
        yield from folds_of_groups(episode, names, train.domains, validation.domains)
