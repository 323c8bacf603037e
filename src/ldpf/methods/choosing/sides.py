"""The choice by sides of the latent domains left out: a larger shift than one latent domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ldpf.domains.discovery import DomainDiscovery
from ldpf.methods.choosing.base import CHOICE_RULES, Choice, ChoiceRule
from ldpf.methods.choosing.fold_scores import fold_scores
from ldpf.methods.choosing.without import known
from ldpf.methods.shares import shares_in_folds
from ldpf.methods.sides import side_folds
from ldpf.methods.with_head import closed_form_discovery

if TYPE_CHECKING:
    from ldpf.domains.folds import GroupFold
    from ldpf.methods.candidates import Candidates


@CHOICE_RULES.register("sides")
@dataclass(frozen=True)
class Sides(ChoiceRule):
    """One of two sides of the latent domains left out, by accuracy."""

    def choose(self, candidates: Candidates, names: Sequence[str]) -> Choice:
        """See `ChoiceRule.choose`."""
        return Choice.best(fold_scores(candidates, names, _folds(candidates)))


@CHOICE_RULES.register("least-regret")
@dataclass(frozen=True)
class LeastRegret(ChoiceRule):
    """Several candidates instead of a choice, with the shares of least regret over two sides.

    Attributes:
        members: their names; empty for all candidates.
    """

    members: tuple[str, ...] = ()

    def choose(self, candidates: Candidates, names: Sequence[str]) -> Choice:
        """See `ChoiceRule.choose`."""
        members = known(self.members or tuple(names), names)
        shares = shares_in_folds(candidates, members, _folds(candidates))
        return Choice(members, shares=shares)


def _folds(candidates: Candidates) -> list[GroupFold]:
    """The folds of two sides of latent domains found in closed form."""
    images = candidates.train, candidates.validation
    latent = DomainDiscovery(*images, closed_form_discovery(), candidates.seed).run()
    return side_folds(*images, latent)
