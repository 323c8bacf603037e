"""The choice by folds along directions of style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from ldpf.domains.discovery import DomainDiscovery
from ldpf.methods.choosing.base import CHOICE_RULES, Choice, ChoiceRule
from ldpf.methods.choosing.fold_scores import fold_scores
from ldpf.methods.left_out import usable_folds
from ldpf.methods.with_head import closed_form_discovery
from ldpf.utils.constraints import COUNT, Number, check_fields, constraint

if TYPE_CHECKING:
    from ldpf.domains.folds import GroupFold
    from ldpf.methods.candidates import Candidates


@CHOICE_RULES.register("directions")
@dataclass(frozen=True)
class StyleDirections(ChoiceRule):
    """Both ends of the leading directions of z, left out in turn.

    A cluster left out lies between others; an end of a direction lies outside of what is left, as
    a new site does. z is free of the class in closed form.

    Attributes:
        directions: how many principal directions of z.
        share: of the images at an end.
    """

    directions: int = field(default=3, metadata=COUNT)
    share: float = field(default=1 / 3, metadata=constraint(Number(above=0, at_most=0.5)))

    def __post_init__(self) -> None:
        check_fields(self)

    def choose(self, candidates: Candidates, names: Sequence[str]) -> Choice:
        """See `ChoiceRule.choose`."""
        return Choice.best(fold_scores(candidates, names, self.folds(candidates)))

    def folds(self, candidates: Candidates) -> list[GroupFold]:
        """Two folds for each direction: images with low and with high coordinates."""
        train, validation = candidates.train, candidates.validation
        latent = DomainDiscovery(train, validation, closed_form_discovery(), candidates.seed).run()
        z, of_validation = (latent.domain_features(part.features) for part in (train, validation))
        mean = z.mean(dim=0)
        axes = torch.linalg.svd((z - mean).double(), full_matrices=False).Vh[: self.directions]
        folds = []
        for axis in axes.to(z):
            along = (z - mean) @ axis
            low, high = (float(along.quantile(q)) for q in (self.share, 1 - self.share))
            of_train = _ends(along, low, high)
            of_held_out = _ends((of_validation - mean) @ axis, low, high)
            # The middle is group 2, which is never left out.
            folds += usable_folds(train, validation, of_train, of_held_out, 2)
        return folds


def _ends(along: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """0 for coordinates [N] up to `low`, 1 for those above `high`, 2 between them."""
    middle = torch.full(along.shape, 2)
    return torch.where(along <= low, 0, torch.where(along > high, 1, middle))
