"""The choice by sides of the latent domains left out: a larger shift than one latent domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ldpf.domains.discovery import DomainDiscovery
from ldpf.methods.choosing.base import CHOICE_RULES, Choice, ChoiceRule
from ldpf.methods.choosing.fold_scores import fold_likelihoods, fold_scores
from ldpf.methods.choosing.left_out import latent_folds
from ldpf.methods.choosing.without import known
from ldpf.methods.shares import shares_in_folds
from ldpf.methods.sides import side_folds
from ldpf.methods.with_head import closed_form_discovery
from ldpf.utils.constraints import Number, check_fields, constraint

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


@CHOICE_RULES.register("least-regret", compares=False)
@dataclass(frozen=True)
class LeastRegret(ChoiceRule):
    """Several candidates instead of a choice, with the shares of least regret over two sides.

    Attributes:
        members: their names; empty for all candidates.
        joins: further ones, which take part where they are as good on latent domains left out:
            where their log-likelihood is not more than `tie` below the best member's.
        tie: that difference, in nats.
    """

    members: tuple[str, ...] = ()
    joins: tuple[str, ...] = ()
    tie: float = field(default=0.05, metadata=constraint(Number(at_least=0)))

    def __post_init__(self) -> None:
        check_fields(self)

    def choose(self, candidates: Candidates, names: Sequence[str]) -> Choice:
        """See `ChoiceRule.choose`."""
        members = known(self.members or tuple(names), names)
        if joins := known(self.joins, names):
            folds = latent_folds(
                candidates, closed_form_discovery().expected_domains, candidates.seed
            )
            likely = fold_likelihoods(candidates, (*members, *joins), folds)
            members += joining(likely, members, joins, self.tie)
        shares = shares_in_folds(candidates, members, _folds(candidates))
        return Choice(members, shares=shares)


def joining(
    likely: Mapping[str, float], members: Sequence[str], joins: Sequence[str], tie: float
) -> tuple[str, ...]:
    """Those that join the members: no more than `tie` less likely than the best member.

    Args:
        likely: log-likelihood on latent domains left out, by name, in nats.
        members, joins: names.
        tie: in nats.
    """
    best = max(likely[name] for name in members)
    return tuple(name for name in joins if likely[name] - best >= -tie)


def _folds(candidates: Candidates) -> list[GroupFold]:
    """The folds of two sides of latent domains found in closed form."""
    images = candidates.train, candidates.validation
    latent = DomainDiscovery(*images, closed_form_discovery(), candidates.seed).run()
    return side_folds(*images, latent)
