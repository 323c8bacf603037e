"""No choice at all: a fixed candidate, or the ensemble of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ldpf.errors import SettingsError
from ldpf.methods.choosing.base import CHOICE_RULES, Choice, ChoiceRule

if TYPE_CHECKING:
    from ldpf.methods.candidates import Candidates


@CHOICE_RULES.register("fixed", compares=False)
@dataclass(frozen=True)
class Fixed(ChoiceRule):
    """Always the same candidate, whatever the images show.

    Attributes:
        candidate: its name.
    """

    candidate: str = "ldpf+linear-probe-balanced"

    def choose(self, candidates: Candidates, names: Sequence[str]) -> Choice:
        """See `ChoiceRule.choose`."""
        return Choice(known((self.candidate,), names))


@CHOICE_RULES.register("ensemble", compares=False)
@dataclass(frozen=True)
class Ensemble(ChoiceRule):
    """Several candidates, calibrated and added with equal shares, instead of a choice.

    Attributes:
        members: their names; empty for all candidates.
    """

    members: tuple[str, ...] = ()

    def choose(self, candidates: Candidates, names: Sequence[str]) -> Choice:
        """See `ChoiceRule.choose`."""
        return Choice(known(self.members or tuple(names), names))


def known(wanted: tuple[str, ...], names: Sequence[str]) -> tuple[str, ...]:
    """The names wanted, if they are among those to choose from.

    Raises:
        SettingsError: one is not.
    """
    if unknown := [name for name in wanted if name not in names]:
        raise SettingsError(
            f"{unknown[0]!r} is not among the candidates {', '.join(names)}; add it there."
        )
    return wanted
