"""`ldpf train --search`: settings chosen before the model is trained."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ldpf.errors import SettingsError
from ldpf.experiments.episode import Episode
from ldpf.experiments.search import Choice, SearchSpace, choose, parse_search
from ldpf.experiments.selection import SELECTION_RULES, get_selection
from ldpf.methods.overrides import known_names, with_settings
from ldpf.utils.progress import progress_bar
from ldpf.utils.text import quoted
from ldpf.utils.ways import setting
from ldpf.workflows.defaults import SELECTION

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.methods import Method

log = logging.getLogger("ldpf")


def search_space(
    texts: Sequence[str], trials: int | None, selection: str, method: Method
) -> SearchSpace | None:
    """What to search over; None where nothing was asked for.

    Args:
        texts: settings with their values, such as "tau=0.1,0.3".
        trials: combinations to try; None for every one.
        selection: name of the rule to choose by.
        method: whose settings they are.

    Raises:
        SettingsError: a setting or value that the method does not have, or another rule.
    """
    if get_selection(selection).uses_target:
        others = [name for name in SELECTION_RULES if not get_selection(name).uses_target]
        raise SettingsError(
            f"selection={selection!r} chooses by a target, and here is none; choose from "
            f"{', '.join(others)}."
        )
    space = parse_search(texts, trials)
    if space is None:
        if selection != SELECTION:
            raise SettingsError(
                f"selection={selection!r} chooses between settings, but there are none to choose "
                f"from; give some, as in {setting('search', 'tau=0.1,1')}."
            )
        return None
    known = known_names(method)
    if unknown := [name for name in space.values if name not in known]:
        raise SettingsError(
            f"{method.name} has no setting {quoted(unknown[0])}; there are "
            f"{', '.join(sorted(known))}."
        )
    for candidate in space.candidates(method, seed=0):
        with_settings(method, candidate)
    return space


def chooser(
    space: SearchSpace,
    selection: str,
    method: Method,
    train: FeatureSet,
    validation: FeatureSet,
    backbone: Backbone,
    seed: int,
) -> Callable[[Path], Choice]:
    """A function that searches, with its trials in the folder that it is given.

    Args:
        space: what to search over.
        selection: name of the rule to choose by.
        method: with its other settings.
        train, validation: images to learn from, and held out.
        backbone: that made the features.
        seed: of the trials.

    Raises:
        DataError: known domains are to be left out, and there are none, or only one.
    """
    episode = Episode("", seed, train, validation, validation)  # nothing is tested here
    rule = get_selection(selection)
    # Counted before the first trial, so that what cannot be left out is refused at once.
    total = len(space.candidates(method, seed)) * rule.n_folds(episode)

    def search(trials: Path) -> Choice:
        log.info("choosing settings by accuracy %s: %d trainings", rule.judged_on, total)
        with progress_bar("trials", total, enabled=log.isEnabledFor(logging.INFO)) as advance:
            return choose(
                space,
                method,
                method.name,
                episode,
                rule,
                backbone,
                trials,
                on_trial=lambda: advance(1),
            )

    return search
