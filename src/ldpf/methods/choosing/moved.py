"""The choice by validation images that are moved towards other latent domains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from ldpf.errors import SettingsError
from ldpf.heads.balance import cell_weights
from ldpf.methods.choosing.base import CHOICE_RULES, Choice, ChoiceRule
from ldpf.methods.left_out import latent_groups
from ldpf.utils.constraints import Number, check_fields, constraint

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet
    from ldpf.methods.candidates import Candidates


@CHOICE_RULES.register("moved")
@dataclass(frozen=True)
class MovedFeatures(ChoiceRule):
    """The best on validation features that are moved towards other latent domains.

    x of latent domain a becomes x + strength (m_b - m_a) for every other b, of length one again,
    with m the mean of a latent domain in which its classes count the same. No model is fitted
    again.

    Attributes:
        strength: 1 moves by the whole difference, more beyond the other latent domain.
    """

    strength: float = field(default=1.0, metadata=constraint(Number(above=0, float32=True)))

    def __post_init__(self) -> None:
        check_fields(self)

    def choose(self, candidates: Candidates, names: Sequence[str]) -> Choice:
        """See `ChoiceRule.choose`; without validation images by the training images."""
        moved, labels = self.moved(candidates)
        return Choice.best({n: candidates.classifier(n).accuracy(moved, labels) for n in names})

    def moved(self, candidates: Candidates) -> tuple[torch.Tensor, torch.Tensor]:
        """Features [(S - 1) N, D] of length one and labels.

        Raises:
            SettingsError: there is one latent domain only.
        """
        train, images = candidates.train, candidates.judged
        of_train, of_judged, n_domains = latent_groups(train, images, seed=candidates.seed)
        if n_domains < 2:
            raise SettingsError(
                "There is one latent domain, so images cannot be moved to another; give more "
                "images, or take a rule such as 'validation'."
            )
        means = _balanced_means(train, of_train, n_domains)
        features = [
            images.features
            + self.strength * (means[(of_judged + step) % n_domains] - means[of_judged])
            for step in range(1, n_domains)
        ]
        return F.normalize(torch.cat(features), dim=1), images.labels.repeat(n_domains - 1)


def _balanced_means(images: FeatureSet, groups: torch.Tensor, n_groups: int) -> torch.Tensor:
    """Mean feature of each group, [S, D], in which its classes count the same."""
    weights = cell_weights(images.labels, groups, len(images.class_names))
    member = F.one_hot(groups, n_groups).double() * weights[:, None]  # [N, S]
    sums = member.T @ images.features.double()
    return (sums / member.sum(dim=0).clamp_min(1e-12)[:, None]).to(images.features)
