"""What a rule for the number of latent domains is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    import torch

    from ldpf.domains.clustering.base import Clusterer
    from ldpf.features.feature_set import FeatureSet

HOW_MANY: Registry[HowMany] = Registry(
    "rule for the number of latent domains", "ldpf.domains.how_many", variable="HOW_MANY"
)
"""Rules by the name that `n_domains` takes in place of a number."""


@dataclass(frozen=True)
class Chosen:
    """A number of latent domains and what it was chosen by.

    Attributes:
        n_domains: S; 1 where the images are best taken as one domain.
        table: what was looked at, a row for each candidate.
    """

    n_domains: int
    table: list[dict[str, Any]] = field(default_factory=list)


class HowMany:
    """Base of the rules: a frozen dataclass of settings that looks at domain features."""

    registered_name: ClassVar[str]

    def choose(
        self,
        z: torch.Tensor,
        clusterer: Clusterer,
        seed: int,
        train: FeatureSet | None = None,
    ) -> Chosen:
        """The number of latent domains for domain features z [N, Z] without the class.

        Args:
            z: of the training images, from a map that is computed at once, since the prompts need
                the number before anything is trained.
            clusterer: that will divide them.
            seed: of every random draw.
            train: the N training images, for rules that look at classes. Their true domains are not
                to be read.
        """
        raise NotImplementedError
