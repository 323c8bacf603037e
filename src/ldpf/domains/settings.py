"""Settings of domain discovery: one part for each decision, each from a registry."""

from __future__ import annotations

from dataclasses import dataclass, field

from ldpf.domains.assignment.base import Assignment
from ldpf.domains.assignment.clusters import Clusters
from ldpf.domains.clustering.base import Clusterer
from ldpf.domains.clustering.kmeans import KMeans
from ldpf.domains.disentangle.adversarial import Adversarial
from ldpf.domains.disentangle.base import Disentangler
from ldpf.domains.how_many.base import HOW_MANY
from ldpf.utils.constraints import Either, OneOf, Whole, check_fields, constraint


@dataclass(frozen=True)
class DiscoverySettings:
    """How latent domains are found.

    Attributes:
        n_domains: S (N_s in the paper, which uses 3), or the name of a rule that chooses it.
        rounds: epochs of the disentangler, each followed by a clustering and matching [ours: every
            epoch, as in MMLD].
        disentangle: what takes the class out of image features.
        clusterer: what divides domain features.
        assignment: whether domains are clusters, or given.
    """

    n_domains: int | str = field(
        default=3, metadata=constraint(Either(Whole(at_least=1), OneOf(HOW_MANY)))
    )
    rounds: int = field(default=20, metadata=constraint(Whole(at_least=1)))
    disentangle: Disentangler = field(default_factory=Adversarial)
    clusterer: Clusterer = field(default_factory=KMeans)
    assignment: Assignment = field(default_factory=Clusters)

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def expected_domains(self) -> int:
        """S, as far as it is known before the images are: 3 where a rule chooses."""
        return 3 if isinstance(self.n_domains, str) else self.n_domains
