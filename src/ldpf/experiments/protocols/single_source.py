"""Single source: generalize from one domain to all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ldpf.experiments.protocols.across import across_domains
from ldpf.experiments.protocols.base import PROTOCOLS, Protocol

if TYPE_CHECKING:
    from ldpf.experiments.episode import Episode
    from ldpf.features.feature_set import FeatureSet


@PROTOCOLS.register("single-source")
class SingleSource(Protocol):
    """Train on one domain and test on each of the others, for each domain in turn."""

    doing = "Training on one domain and testing on the others"
    measured = "the other domains (each counts the same), trained on one"
    unit = "source"

    def episode(
        self, data: FeatureSet, case: str, seed: int, train_fraction: float = 0.8
    ) -> Episode:
        """The domain `case` alone is split into train and validation; all others are test."""
        self.check(data, [case])
        assert data.domains is not None
        is_source = (data.domains == data.domain_names.index(case)).numpy()
        return across_domains(data, case, ~is_source, seed, train_fraction)

    def columns(self, cases_or_domains: Sequence[str]) -> list[str]:
        """A column for each source, averaged over its targets."""
        return [f"from {name}" for name in cases_or_domains]

    def column(self, line: Mapping[str, Any]) -> str:
        """The source's column."""
        return f"from {line['case']}"

    def where_tested(self, line: Mapping[str, Any]) -> str:
        """The source and the target."""
        return f"{line['case']} > {line['target']}"

    def wants(self, line: Mapping[str, Any], domains: Sequence[str] | None) -> bool:
        """The domains asked for are sources; all targets of each are wanted."""
        return not domains or line["case"] in domains
