"""How long trainings will take, from a few of their steps: what `--estimate` does.

While a probe is active, a training does a step of every kind that it has (what it updates, whether
it looks at validation) and a round of discovery, times them, and goes to its end.
How often each comes is counted, not guessed. Everything else, such as the fit of a head, is
really done, and so is measured by a clock around it. What comes out has no meaning but its cost.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import torch

from ldpf.training.learner import Stage
from ldpf.utils.span import Span

if TYPE_CHECKING:
    from ldpf.training.loop import PromptTraining


COUNTED = 200_000
"""Steps of a phase that are counted one by one; the kinds of more come as often as in these."""


class Kind(NamedTuple):
    """What makes steps take the same time."""

    stage: Stage
    evaluation_due: bool


class _Place(NamedTuple):
    phase: int
    phase_step: int
    step: int


@dataclass(frozen=True)
class Schedule:
    """The steps that a training has.

    Attributes:
        kinds: how many there are of each kind.
        rounds: how many of them begin with a round of discovery.
        places: where the first of each kind is.
    """

    kinds: Counter[Kind]
    rounds: int
    places: dict[Kind, _Place]

    @property
    def steps(self) -> int:
        """All of them."""
        return sum(self.kinds.values())


@dataclass
class StepProbe:
    """What the trainings under a probe would take, and what was spent on finding out.

    Attributes:
        seconds: for which steps of the first training are repeated, each kind being done once at
            least; of later ones for a part of it.
        probed_s: spent on steps.
        steps_s: that all steps would take.
        text_passes: of whole trainings.
        trainings: seen so far.
    """

    seconds: float = 0.5
    probed_s: float = 0.0
    steps_s: Span = field(default_factory=Span)
    text_passes: Span = field(default_factory=Span)
    trainings: int = 0
    _passes_at_end: int = 0

    def sample(self, training: PromptTraining) -> None:
        """Do a few steps of a training that has not begun, and leave it at its end."""
        started = time.perf_counter()
        passes_before = training.record.text_passes
        longest, shortest = schedules(training)
        rounds = min(training.learner.rounds_left, longest.rounds)
        first = _Place(0, 0, 0)
        round_s = []
        first_s = _timed(training, first, training.one_step)  # with what is done once
        if rounds > 1:
            round_s.append(_timed(training, first, training.new_round))
        times, passes = self._updates(training, longest)
        each = {kind: sorted(taken)[len(taken) // 2] for kind, taken in times.items()}
        again = sum(round_s)
        once = max(first_s - each[_kind_at(training, first)] - again, 0.0)
        self.steps_s += Span(
            *(
                once
                + min(rounds, schedule.rounds) * again
                + sum(each[kind] * n for kind, n in schedule.kinds.items())
                for schedule in (shortest, longest)
            )
        )
        fewest, most = (
            sum(passes[kind] * n for kind, n in schedule.kinds.items())
            for schedule in (shortest, longest)
        )
        self.text_passes += Span(fewest, most)
        self.trainings += 1
        training.record.text_passes = self._passes_at_end = passes_before + most
        training.phase, training.phase_step = training.learner.n_phases, 0
        training.step = longest.steps
        self.probed_s += time.perf_counter() - started

    def end(self, training: PromptTraining) -> None:
        """Count the passes that a training has taken since its last step."""
        more = training.record.text_passes - self._passes_at_end
        self.text_passes += Span(more, more)

    def _updates(
        self, training: PromptTraining, schedule: Schedule
    ) -> tuple[dict[Kind, list[float]], dict[Kind, int]]:
        """Seconds of some updates of each kind, and the text passes of one."""
        until = time.perf_counter() + self.seconds / (1 + self.trainings)
        passes: dict[Kind, int] = {}
        times: dict[Kind, list[float]] = {kind: [] for kind in schedule.kinds}
        for turn in range(max(schedule.kinds.values())):
            for kind, n in schedule.kinds.most_common():
                if turn and time.perf_counter() >= until:
                    return times, passes
                if turn < n:
                    before = training.record.text_passes
                    times[kind].append(_timed(training, schedule.places[kind], training.update))
                    passes[kind] = training.record.text_passes - before
        return times, passes


def schedules(training: PromptTraining) -> tuple[Schedule, Schedule]:
    """The longest and the shortest course of a training: one with patience may end early."""
    most = fewest = training.phase_length
    if training.recipe.patience is not None:
        waited = training.recipe.patience * training.learner.rotation
        fewest = min(most, waited + training.cooldown)
    return _schedule(training, most), _schedule(training, fewest)


def _schedule(training: PromptTraining, length: int) -> Schedule:
    kinds: Counter[Kind] = Counter()
    places: dict[Kind, _Place] = {}
    step = rounds = 0
    looked_at = min(length, COUNTED)
    for phase in range(training.learner.n_phases):
        for phase_step in range(looked_at):
            place = _Place(phase, phase_step, step)
            kind = _kind_at(training, place)
            kinds[kind] += 1
            places.setdefault(kind, place)
            rounds += training.round_due_at(step)
            step += 1
    if looked_at < length:
        kinds = Counter({kind: n * length // looked_at for kind, n in kinds.items()})
        rounds = rounds * length // looked_at
    return Schedule(kinds, rounds, places)


def _kind_at(training: PromptTraining, place: _Place) -> Kind:
    stage = training.learner.stage(place.phase, place.phase_step)
    return Kind(stage, training.evaluation_due_at(place.step))


def _timed(training: PromptTraining, place: _Place, work: Callable[[], None]) -> float:
    training.phase, training.phase_step, training.step = place
    started = time.perf_counter()
    work()
    # Work on a GPU is only asked for until it is waited for.
    if any(parameter.is_cuda for parameter in training.learner.groups.values()):
        torch.cuda.synchronize()
    return time.perf_counter() - started


_ACTIVE: ContextVar[StepProbe | None] = ContextVar("ldpf.training.probe", default=None)


def active_probe() -> StepProbe | None:
    """The probe that trainings of this thread are under, if any."""
    return _ACTIVE.get()


@contextmanager
def probing(probe: StepProbe) -> Iterator[StepProbe]:
    """Let trainings do a few steps only, and add to `probe` what all would have taken."""
    token = _ACTIVE.set(probe)
    try:
        yield probe
    finally:
        _ACTIVE.reset(token)
