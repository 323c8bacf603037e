"""The choice by latent domains left out in turn: one clustering, or several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import TYPE_CHECKING

from ldpf.methods.choosing.base import CHOICE_RULES, Choice, ChoiceRule
from ldpf.methods.choosing.fold_scores import fold_likelihoods, fold_scores
from ldpf.methods.left_out import latent_groups, usable_folds
from ldpf.methods.with_head import closed_form_discovery
from ldpf.utils.constraints import COUNT, Each, Whole, check_fields, constraint

if TYPE_CHECKING:
    from ldpf.domains.folds import GroupFold
    from ldpf.methods.candidates import Candidates


@CHOICE_RULES.register("left-out")
@dataclass(frozen=True)
class LeftOutDomains(ChoiceRule):
    """Leave one latent domain out (LOLDO), with one clustering in closed form.

    Attributes:
        n_domains: of the clustering.
    """

    n_domains: int = field(default=3, metadata=COUNT)

    def __post_init__(self) -> None:
        check_fields(self)

    def choose(self, candidates: Candidates, names: Sequence[str]) -> Choice:
        """See `ChoiceRule.choose`."""
        folds = latent_folds(candidates, self.n_domains, candidates.seed)
        return Choice.best(fold_scores(candidates, names, folds))


@CHOICE_RULES.register("left-out-likelihood")
@dataclass(frozen=True)
class LeftOutLikelihood(LeftOutDomains):
    """LOLDO with one clustering, by calibrated log-likelihood in place of accuracy.

    A score is the geometric mean of the probability of the right class.
    """

    def choose(self, candidates: Candidates, names: Sequence[str]) -> Choice:
        """See `ChoiceRule.choose`."""
        folds = latent_folds(candidates, self.n_domains, candidates.seed)
        likely = fold_likelihoods(candidates, names, folds)
        return Choice.best({name: math.exp(nats) for name, nats in likely.items()})


@CHOICE_RULES.register("left-out-several")
@dataclass(frozen=True)
class LeftOutSeveral(ChoiceRule):
    """LOLDO over several clusterings and numbers of domains, each clustering counting the same.

    A single clustering may cut where no site would; what is best on average over many hangs less on
    one of them.

    Attributes:
        numbers: of latent domains.
        clusterings: of each number, which differ by their seed.
    """

    numbers: tuple[int, ...] = field(
        default=(2, 3, 4), metadata=constraint(Each(Whole(at_least=2)))
    )
    clusterings: int = field(default=2, metadata=COUNT)

    def __post_init__(self) -> None:
        check_fields(self)

    def choose(self, candidates: Candidates, names: Sequence[str]) -> Choice:
        """See `ChoiceRule.choose`."""
        scores = []
        for number in self.numbers:
            for clustering in range(self.clusterings):
                folds = latent_folds(candidates, number, candidates.seed + clustering)
                scores.append(fold_scores(candidates, names, folds))
        return Choice.best({name: fmean(own[name] for own in scores) for name in names})


def latent_folds(candidates: Candidates, n_domains: int, seed: int) -> list[GroupFold]:
    """Folds that leave out one of `n_domains` latent domains each.

    Raises:
        SettingsError: the training images cannot fill them.
    """
    images = candidates.train, candidates.validation
    discovery = replace(closed_form_discovery(), n_domains=n_domains)
    of_train, of_validation, found = latent_groups(*images, discovery, seed=seed)
    return usable_folds(*images, of_train, of_validation, found)
