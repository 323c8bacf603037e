"""What a protocol is, and the registry of protocols."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ldpf.errors import DataError
from ldpf.experiments.episode import Episode
from ldpf.utils.registry import Registry

if TYPE_CHECKING:
    from ldpf.data.dataset import ImageDataset
    from ldpf.features.feature_set import FeatureSet

DEFAULT_PROTOCOL = "leave-one-domain-out"
"""Also that of results from before there were others, which do not name theirs."""


class Protocol(ABC):
    """A way to divide domains into those trained on and those tested on.

    Attributes:
        registered_name: as it is stored in results.
        doing: what it does, as the start of a sentence.
        measured: what a number in a table is, as the end of "Accuracy in % on".
        unit: what a case is called before its name.
        domains_needed: how many domains the data must have.
        leaves_one_out: whether a case is the one domain that is tested, all others being trained
            on. Only such results have a report.
        train_fraction: share of each source domain that is trained on, where that belongs to the
            protocol; None leaves it to the plan.
    """

    registered_name: ClassVar[str]
    doing: ClassVar[str]
    measured: ClassVar[str]
    unit: ClassVar[str] = ""
    domains_needed: ClassVar[int] = 2
    leaves_one_out: ClassVar[bool] = False
    train_fraction: ClassVar[float | None] = None

    def cases(self, domains: Sequence[str]) -> list[str]:
        """The cases for the domains asked for: one each, unless a protocol says otherwise."""
        return list(domains)

    @abstractmethod
    def episode(
        self, data: FeatureSet, case: str, seed: int, train_fraction: float = 0.8
    ) -> Episode:
        """The episode of a case.

        Where a manifest names splits they are kept: images of training domains marked `test` are
        not used, and of a test domain only those marked `test`, if there are any.

        Args:
            data: features with known domains.
            case: one of `cases`.
            seed: of the split.
            train_fraction: share of each source domain and class that is trained on; a protocol
                that has its own does not look at it.

        Raises:
            DataError: see `check`; or no images are left to train or test on.
        """

    def case_words(self, case: str) -> str:
        """A case as it is printed, such as `target sketch`."""
        return f"{self.unit} {case}".strip()

    def columns(self, cases_or_domains: Sequence[str]) -> list[str]:
        """Headings of a table for the domains asked for."""
        return list(cases_or_domains)

    def column(self, line: Mapping[str, Any]) -> str:
        """Heading of the column in which a result line belongs."""
        return line["target"]

    def where_tested(self, line: Mapping[str, Any]) -> str:
        """What distinguishes the tests of a protocol: the target, and what it depends on."""
        return line["target"]

    def wants(self, line: Mapping[str, Any], domains: Sequence[str] | None) -> bool:
        """Whether a result line is about one of the domains asked for; None asks for all."""
        return not domains or line["target"] in domains

    def remarks(self, data: FeatureSet) -> list[str]:
        """What to know of the protocol on these images, in sentences; usually nothing."""
        return []

    def check(self, data: FeatureSet | ImageDataset, domains: Sequence[str] = ()) -> None:
        """Check that `data` has the domains that the protocol needs, and all `domains`.

        Raises:
            DataError: it has not.
        """
        if data.domains is None:
            raise DataError(
                f"{self.doing} needs known domains, but these images have none: arrange them "
                "as domain/class/image, or give a manifest with a 'domain' column. Without "
                "domains, 'ldpf train' and 'ldpf evaluate' do the work."
            )
        if len(data.domain_names) < self.domains_needed:
            raise DataError(
                f"{self.doing} needs at least {self.domains_needed} domains, but there is only "
                f"{data.domain_names[0]!r}."
            )
        unknown = [name for name in domains if name not in data.domain_names]
        if unknown:
            raise DataError(
                f"There is no domain {unknown[0]!r}; the domains are "
                f"{', '.join(data.domain_names)}."
            )


PROTOCOLS: Registry[Protocol] = Registry(
    "protocol", "ldpf.experiments.protocols", variable="PROTOCOLS"
)
"""By the name that `--protocol` takes."""


def get_protocol(name: str = DEFAULT_PROTOCOL) -> Protocol:
    """The protocol called `name`; raises SettingsError for an unknown one."""
    return PROTOCOLS.make(name)


def protocol_of(line: Mapping[str, Any]) -> Protocol:
    """The protocol of a result line, or of the settings of a run."""
    return get_protocol(line.get("protocol", DEFAULT_PROTOCOL))
