"""One training with its test: which images are trained on, chosen by and measured on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet


@dataclass(frozen=True)
class Episode:
    """A case of a protocol, with one seed's split.

    Attributes:
        case: what distinguishes the episodes of a protocol: the domain left out, the single source,
            or a word for all domains.
        seed: of the split.
        train, validation: images of the training domains.
        test: images of the domains that are measured.
    """

    case: str
    seed: int
    train: FeatureSet
    validation: FeatureSet
    test: FeatureSet

    @property
    def sources(self) -> list[str]:
        """Names of the training domains."""
        return present_domains(self.train)

    def tests(self) -> Iterator[tuple[str, FeatureSet]]:
        """Each test domain by name, in the order of the data, with its images."""
        for name in present_domains(self.test):
            yield name, self.test.subset(self.test.domains == self.test.domain_names.index(name))


@dataclass(frozen=True)
class Fold:
    """A training by which settings are judged.

    Attributes:
        name: of the domain left out; empty for the training domains' own validation.
        train, validation: what is trained on, and what checkpoints are chosen on.
        judged: images whose accuracy is the fold's score.
    """

    name: str
    train: FeatureSet
    validation: FeatureSet
    judged: FeatureSet


def present_domains(data: FeatureSet) -> list[str]:
    """Names of the domains that have images, in the order of the data."""
    assert data.domains is not None
    return [data.domain_names[int(d)] for d in data.domains.unique()]
