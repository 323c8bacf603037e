"""Leave one domain out: the usual protocol of domain generalization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ldpf.experiments.protocols.across import across_domains
from ldpf.experiments.protocols.base import PROTOCOLS, Protocol

if TYPE_CHECKING:
    from ldpf.experiments.episode import Episode
    from ldpf.features.feature_set import FeatureSet


@PROTOCOLS.register("leave-one-domain-out")
class LeaveOneDomainOut(Protocol):
    """Train on all domains except one and test on that one, for each domain in turn.

    Every training domain is split into train and validation (Gulrajani & Lopez-Paz,
    arXiv 2007.01434).
    """

    doing = "Leaving one domain out"
    measured = "the domain left out"
    unit = "target"
    leaves_one_out = True

    def episode(
        self, data: FeatureSet, case: str, seed: int, train_fraction: float = 0.8
    ) -> Episode:
        """Everything of the domain `case` is test; every other domain is split."""
        self.check(data, [case])
        assert data.domains is not None
        is_target = (data.domains == data.domain_names.index(case)).numpy()
        return across_domains(data, case, is_target, seed, train_fraction)
