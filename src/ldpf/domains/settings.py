"""Settings of domain discovery: one part for each decision, each from a registry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ldpf.domains.assignment.base import Assignment
from ldpf.domains.assignment.clusters import Clusters
from ldpf.domains.clustering.base import Clusterer
from ldpf.domains.clustering.spherical import SphericalKMeans
from ldpf.domains.disentangle.base import Disentangler
from ldpf.domains.disentangle.leace import Leace
from ldpf.domains.how_many.base import HOW_MANY
from ldpf.utils.constraints import Either, Number, OneOf, Whole, check_fields, constraint

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class DiscoverySettings:
    """How latent domains are found.

    Attributes:
        n_domains: S (N_s in the paper, which uses 3), or the name of a rule that chooses it.
        rounds: epochs of the disentangler, each followed by a clustering and matching [ours: every
            epoch, as in MMLD].
        features: what is clustered: `image` features, or `style` statistics of an early layer.
        disentangle: how the class is removed from them.
        clusterer: how domain features are clustered.
        assignment: whether domains are clusters, or given.
        images_per_cell: average number of training images that each class should have in each
            latent domain [ours]. S is lowered until it has them, at most to 1; 0 never lowers S.
    """

    n_domains: int | str = field(
        default=3, metadata=constraint(Either(Whole(at_least=1), OneOf(HOW_MANY)))
    )
    rounds: int = field(default=20, metadata=constraint(Whole(at_least=1)))
    features: str = field(default="image", metadata=constraint(OneOf(("image", "style"))))
    disentangle: Disentangler = field(default_factory=Leace)
    clusterer: Clusterer = field(default_factory=SphericalKMeans)
    assignment: Assignment = field(default_factory=Clusters)
    images_per_cell: float = field(default=4.0, metadata=constraint(Number(at_least=0)))

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def needs_style(self) -> bool:
        """Whether the training images need style statistics."""
        return self.features == "style"

    @property
    def expected_domains(self) -> int:
        """S, as far as it is known without the images: 3 if a rule chooses."""
        return 3 if isinstance(self.n_domains, str) else self.n_domains

    def most_domains(self, labels: torch.Tensor) -> int | None:
        """The largest S for which training images of these classes suffice, at least 1.

        Args:
            labels: class ids [N]; classes without images are ignored.

        Returns:
            None if any number is allowed: with `images_per_cell=0`, or with given domains.
        """
        if self.images_per_cell == 0 or self.assignment.decides_number:
            return None
        classes = max(len(labels.unique()), 1)
        return max(int(len(labels) / (self.images_per_cell * classes)), 1)
