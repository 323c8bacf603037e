"""What a rule of choice is, what it returns, and the rules by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    from ldpf.methods.candidates import Candidates


@dataclass(frozen=True)
class Choice:
    """What a rule takes.

    Attributes:
        names: one candidate, or several whose calibrated answers are added.
        scores: by candidate, higher is better; empty where the rule compares nothing.
        shares: of several candidates; None for equal ones.
    """

    names: tuple[str, ...]
    scores: Mapping[str, float] = field(default_factory=dict)
    shares: tuple[float, ...] | None = None

    @classmethod
    def best(cls, scores: Mapping[str, float]) -> Choice:
        """The candidate of the highest score, the first of equally good ones."""
        return cls((max(scores, key=scores.__getitem__),), scores)


class ChoiceRule:
    """Base of rules of choice: a frozen dataclass of settings with one verb, `choose`.

    A rule that compares nothing, or takes several candidates, says so where it is registered:
    `register(name, compares=False)`.
    """

    registered_name: ClassVar[str]

    def choose(self, candidates: Candidates, names: Sequence[str]) -> Choice:
        """Choose between candidates; images of the target are never looked at.

        Args:
            candidates: trained on the same images.
            names: of those to choose from, 1 or more.

        Raises:
            SettingsError: the training images do not allow the comparison.
        """
        raise NotImplementedError


CHOICE_RULES: Registry[ChoiceRule] = Registry(
    "rule of choice", "ldpf.methods.choosing", variable="CHOICE_RULES"
)
"""Rules of choice by name."""


def comparing_rules() -> list[str]:
    """Names of the rules that compare candidates and take one of them."""
    return [name for name in CHOICE_RULES if CHOICE_RULES.facts(name).get("compares", True)]
