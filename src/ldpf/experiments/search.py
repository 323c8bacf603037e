"""Settings chosen from a declared grid or at random, by a selection rule, never by the test."""

from __future__ import annotations

import itertools
import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ldpf.backbones import Backbone
from ldpf.errors import SettingsError
from ldpf.evaluation.metrics import accuracy
from ldpf.experiments.episode import Episode, Fold
from ldpf.experiments.resources import measured_fit
from ldpf.experiments.result_lines import TRIAL_LINE
from ldpf.experiments.run_folder import RESULT_VERSION, RunFolder
from ldpf.experiments.selection import SelectionRule
from ldpf.methods import Method
from ldpf.methods.overrides import applicable, parse_value, split_setting, with_settings
from ldpf.training.callbacks import RunRecord
from ldpf.utils.constraints import Whole, check_fields, constraint
from ldpf.utils.registry import part_settings
from ldpf.utils.ways import named

MOST_COMBINATIONS = 1_000
EXAMPLE = "tau=0.05,0.1"


@dataclass(frozen=True)
class Range:
    """Values between two ends, both included; whole numbers where both ends are.

    Attributes:
        low, high: the ends.
        log: draw evenly in the logarithm.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise SettingsError(
                f"The range {self} should lead from a smaller number to a larger one."
            )
        if self.log and self.low <= 0:
            raise SettingsError(f"The range {self} should begin above 0 to be drawn by logarithm.")

    def __str__(self) -> str:
        return f"{'log:' if self.log else ''}{self.low}..{self.high}"

    def draw(self, rng: np.random.Generator) -> float | int:
        """One value."""
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        if whole and not self.log:
            return int(rng.integers(int(self.low), int(self.high) + 1))
        ends = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        value = float(rng.uniform(*ends))
        value = math.exp(value) if self.log else value
        if whole:
            return min(max(round(value), int(self.low)), int(self.high))
        return float(f"{value:.4g}")  # few enough digits to type again


@dataclass(frozen=True)
class SearchSpace:
    """Settings by dotted name with the values they may take.

    Attributes:
        values: lists of values, or a `Range`.
        trials: how many combinations are tried: the method's own settings first, then drawn at
            random (as DomainBed does). None tries every combination of the lists: a grid.
    """

    values: Mapping[str, Sequence[Any] | Range] = field(default_factory=dict)
    trials: int | None = field(default=None, metadata=constraint(Whole(at_least=2), none=True))

    def __post_init__(self) -> None:
        if not self.values:
            raise SettingsError(f"There is nothing to search over; give values, as in {EXAMPLE}.")
        check_fields(self)
        ranges = [name for name, values in self.values.items() if isinstance(values, Range)]
        if ranges and self.trials is None:
            raise SettingsError(
                f"{ranges[0]}={self.values[ranges[0]]} is a range, from which values are drawn; "
                f"say how many with {named('trials')}, or list values."
            )
        if self.trials is None:
            n = math.prod(len(values) for values in self.values.values())  # type: ignore[arg-type]
            if n > MOST_COMBINATIONS:
                raise SettingsError(
                    f"The grid has {n:,} combinations, more than {MOST_COMBINATIONS:,}; give fewer "
                    f"values, or try some at random with {named('trials')}."
                )

    def candidates(self, method: Method, seed: int) -> list[dict[str, Any]]:
        """The settings to try for `method`, of those that it has; `[{}]` where it has none.

        Args:
            method: with its own settings.
            seed: of the draws, so that a repetition draws others.
        """
        own = applicable(method, self.values)
        if not own:
            return [{}]
        if self.trials is None:
            return [
                dict(zip(own, chosen, strict=True)) for chosen in itertools.product(*own.values())
            ]
        rng = np.random.default_rng([seed, zlib.crc32(json.dumps(sorted(own)).encode())])
        found: list[dict[str, Any]] = [{}]
        for _ in range(self.trials - 1):
            drawn = {
                name: v.draw(rng) if isinstance(v, Range) else v[int(rng.integers(len(v)))]
                for name, v in own.items()
            }
            if drawn not in found:
                found.append(drawn)
        return found

    def check_unset(self, settings: Mapping[str, Any]) -> None:
        """Raise SettingsError if a setting has a fixed value in `settings` and is searched too."""
        if twice := [name for name in self.values if name in settings]:
            raise SettingsError(
                f"{twice[0]!r} is both set and searched over; give it only one of the two."
            )

    def described(self) -> dict[str, Any]:
        """For the settings of a run, as JSON."""
        return {
            "trials": self.trials,
            "values": {
                name: str(v) if isinstance(v, Range) else list(v) for name, v in self.values.items()
            },
        }


def parse_search(texts: Sequence[str], trials: int | None = None) -> SearchSpace | None:
    """A search space from `NAME=A,B,...`, `NAME=LOW..HIGH` and `NAME=log:LOW..HIGH`.

    Returns:
        The space; None where there is nothing to search over.

    Raises:
        SettingsError: something else is written there, or only `trials` is given.
    """
    if not texts and trials is None:
        return None
    values: dict[str, Sequence[Any] | Range] = {}
    for text in texts:
        name, rest = split_setting(text, EXAMPLE)
        if name in values:
            raise SettingsError(f"{name!r} is searched over twice; give all its values at once.")
        values[name] = _parse_values(text, rest)
    return SearchSpace(values, trials)


def _parse_values(text: str, rest: str) -> Sequence[Any] | Range:
    if ".." in rest:
        low, _, high = rest.removeprefix("log:").partition("..")
        ends = parse_value(low), parse_value(high)
        if any(isinstance(end, bool) or not isinstance(end, int | float) for end in ends):
            raise SettingsError(f"{text!r} should be a range of numbers, such as tau=0.01..0.5.")
        return Range(*ends, log=rest.startswith("log:"))
    whole = parse_value(f"[{rest}]")  # keeps the commas inside a tuple
    values = whole if isinstance(whole, list) else [parse_value(one) for one in rest.split(",")]
    if any(value == "" for value in values):
        raise SettingsError(f"{text!r} has an empty value; give them as in {EXAMPLE}.")
    if len({repr(value) for value in values}) < len(values):
        raise SettingsError(f"{text!r} names a value twice.")
    return values


@dataclass(frozen=True)
class Choice:
    """What a search chose.

    Attributes:
        settings: the chosen ones; empty where nothing was to be chosen, or the method's own won.
        trials: every trial's settings, its score, and what it took.
        seconds: of all trials together.
    """

    settings: dict[str, Any]
    trials: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


def choose(
    space: SearchSpace,
    method: Method,
    name: str,
    episode: Episode,
    selection: SelectionRule,
    backbone: Backbone,
    folder: Path,
    on_trial: Callable[[], None] | None = None,
) -> Choice:
    """Train with every candidate and take the one with the best score; of equal ones, the first.

    A trial's score is its accuracy on the images that the selection rule allows, averaged over the
    rule's folds. No trial sees a test image. A finished trial is never repeated, and an unfinished
    one resumes.

    Args:
        space: what to choose from.
        method: with its own settings.
        name: of the method; it is judged by its own prediction, whatever else is read off it.
        episode: from `selection.prepare`.
        selection: the rule.
        backbone: that made the features.
        folder: for the trials' run folders.
        on_trial: called after each training.
    """
    candidates = space.candidates(method, episode.seed)
    if len(candidates) < 2:
        return Choice(candidates[0])
    tried = [with_settings(method, settings) for settings in candidates]
    # A fold holds copies of features, so there is one at a time.
    done: list[list[dict[str, Any]]] = []
    for fold in selection.folds(episode):
        done.append([])
        for candidate in tried:
            done[-1].append(_trial(candidate, name, episode, fold, backbone, folder))
            if on_trial is not None:
                on_trial()
    trials = []
    for settings, of_folds in zip(candidates, zip(*done, strict=True), strict=True):
        score = sum(trial["score"] for trial in of_folds) / len(of_folds)
        seconds = sum(trial["seconds"] for trial in of_folds)
        trials.append({"settings": settings, "score": score, "seconds": round(seconds, 3)})
    best = max(trials, key=lambda trial: trial["score"])
    return Choice(best["settings"], trials, sum(trial["seconds"] for trial in trials))


def _trial(
    method: Method,
    name: str,
    episode: Episode,
    fold: Fold,
    backbone: Backbone,
    trials: Path,
) -> dict[str, Any]:
    """One training, judged on its fold; read where it is finished."""
    folder = RunFolder(
        trials,
        {
            "result_version": RESULT_VERSION,
            "method_name": name,
            "method": part_settings(method),
            "target": fold.name or "validation",
            "seed": episode.seed,
        },
    )
    done = folder.results_or_set_aside(TRIAL_LINE) if folder.done else None
    if done is None:
        record = RunRecord(folder.open())
        fit = measured_fit(method, fold.train, fold.validation, backbone, episode.seed, record)
        judged = fold.judged
        answers = fit.classifier.logits(judged.features).argmax(dim=1)
        done = [{"score": accuracy(answers, judged.labels), "seconds": fit.seconds}]
        folder.finish(done, {name: answers, "labels": judged.labels})
    return done[0]
