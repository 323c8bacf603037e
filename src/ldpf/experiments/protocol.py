"""Who is trained on what, and tested on what: the three protocols of the field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldpf.data.splits import split_train_validation
from ldpf.errors import DataError, SettingsError
from ldpf.features.feature_set import FeatureSet

ALL_DOMAINS = "all domains"
"""The one case of `in-distribution`."""


@dataclass(frozen=True)
class Episode:
    """One training with its test: a case of a protocol, with one seed's split.

    Attributes:
        case: what tells the episodes of a protocol apart: the domain left out, the single source,
            or `ALL_DOMAINS`.
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
        return _present(self.train)

    def tests(self) -> Iterator[tuple[str, FeatureSet]]:
        """Each test domain by name, in the order of the data, with its images."""
        for name in _present(self.test):
            yield name, self.test.subset(self.test.domains == self.test.domain_names.index(name))


@dataclass(frozen=True)
class Protocol:
    """A way to divide domains into those trained on and those tested on.

    Attributes:
        name: as it stands in results.
        doing: what it does, as the start of a sentence.
        measured: what a number in a table is, as the end of "Accuracy in % on".
        unit: what a case is called before its name.
        domains_needed: how many domains the data must have.
        cases: the cases for the data and the domains asked for.
        episode: the episode of a case, from data, case, seed and train fraction.
    """

    name: str
    doing: str
    measured: str
    unit: str
    domains_needed: int
    cases: Callable[[Sequence[str]], list[str]]
    episode: Callable[[FeatureSet, str, int, float], Episode]

    def case_words(self, case: str) -> str:
        """A case as it is printed, such as `target sketch`."""
        return f"{self.unit} {case}".strip()

    def columns(self, domains: Sequence[str]) -> list[str]:
        """Headings of a table: a single source's column averages over its targets."""
        return [f"from {name}" for name in domains] if self.unit == "source" else list(domains)


def column_of(line: Mapping[str, Any]) -> str:
    """Heading of the column in which a result line stands."""
    protocol = PROTOCOLS[line.get("protocol", LEAVE_ONE_DOMAIN_OUT)]
    return protocol.columns([line["case" if protocol.unit == "source" else "target"]])[0]


def where_tested(line: Mapping[str, Any]) -> str:
    """What tells the tests of a protocol apart: the target, after a single source."""
    source = f"{line['case']} > " if column_of(line) != line["target"] else ""
    return source + line["target"]


def leave_one_domain_out(
    data: FeatureSet, target: str, seed: int, train_fraction: float = 0.8
) -> Episode:
    """Everything of `target` is test; every other domain is split into train and validation.

    Where a manifest names splits they are kept: source images marked `test` are not used, and of
    the target only those marked `test`, if there are any.

    Args:
        data: features with known domains.
        target: name of the domain to leave out.
        seed: of the split.
        train_fraction: share of each source domain and class that is trained on.

    Raises:
        DataError: domains are unknown, `target` is none of them, there is only one, or no images
            are left to train or test on.
    """
    check_domains(data, [target])
    is_target = (data.domains == data.domain_names.index(target)).numpy()
    return _across(data, target, np.flatnonzero(~is_target), is_target, seed, train_fraction)


def single_source(data: FeatureSet, source: str, seed: int, train_fraction: float = 0.8) -> Episode:
    """`source` alone is split into train and validation; every other domain is test.

    Splits of a manifest are kept as in `leave_one_domain_out`, whose arguments and errors these
    are.
    """
    check_domains(data, [source], PROTOCOLS["single-source"])
    is_source = (data.domains == data.domain_names.index(source)).numpy()
    return _across(data, source, np.flatnonzero(is_source), ~is_source, seed, train_fraction)


def in_distribution(data: FeatureSet, case: str, seed: int, train_fraction: float = 0.8) -> Episode:
    """Train on images of every domain, test on other images of the same domains ("all to own").

    No domain generalization: it says what the same method reaches where the domain is known, beside
    which the other protocols' numbers can be read. Of every domain and class `1 - train_fraction`
    is test, unless a manifest marks test images; the rest is split again into train and validation.

    Args:
        data: features with known domains.
        case: `ALL_DOMAINS`.
        seed: of both splits.
        train_fraction: share of each split's images that stays for training.

    Raises:
        DataError: domains are unknown, or no images are left to train or test on.
    """
    check_domains(data, [], PROTOCOLS["in-distribution"])
    labels, domains, splits = data.labels.numpy(), data.domains.numpy(), data.splits
    if splits is not None and (splits == "test").any():
        kept, test = np.flatnonzero(splits != "test"), np.flatnonzero(splits == "test")
    else:
        kept, test = split_train_validation(
            labels, domains, train_fraction=train_fraction, seed=seed
        )
    if not len(test):
        raise DataError(
            f"None of the {len(data):,} images is left for testing: no class has two images in one "
            "domain; give more images."
        )
    train, validation, _ = data.subset(kept).split(train_fraction, seed=seed)
    return Episode(case, seed, train=train, validation=validation, test=data.subset(test))


def _across(
    data: FeatureSet,
    case: str,
    trained: np.ndarray,
    tested: np.ndarray,
    seed: int,
    train_fraction: float,
) -> Episode:
    """Split the rows `trained`; of the domains where `tested` [N] is true, all is test."""
    own = (data.domains == data.domain_names.index(case)).numpy()
    for rows, place in ((own, "in"), (~own, "outside of")):
        if not rows.any():
            raise DataError(
                f"There is no image {place} the domain {case!r}, so it cannot be left out; choose "
                "another target or give more images."
            )
    train, validation, _ = data.subset(trained).split(train_fraction, seed=seed)
    splits = data.splits
    held_out = np.flatnonzero(tested)
    if splits is not None:
        domains, marked = data.domains.numpy(), splits == "test"
        some_marked = np.unique(domains[tested & marked])
        held_out = np.flatnonzero(tested & (marked | ~np.isin(domains, some_marked)))
    return Episode(
        case,
        seed,
        train=train,
        validation=validation,
        test=data.subset(held_out),
    )


def _present(data: FeatureSet) -> list[str]:
    assert data.domains is not None
    return [data.domain_names[int(d)] for d in data.domains.unique()]


LEAVE_ONE_DOMAIN_OUT = "leave-one-domain-out"

PROTOCOLS: dict[str, Protocol] = {
    one.name: one
    for one in (
        Protocol(
            LEAVE_ONE_DOMAIN_OUT,
            "Leaving one domain out",
            "the domain left out",
            "target",
            2,
            list,
            leave_one_domain_out,
        ),
        Protocol(
            "single-source",
            "Training on one domain and testing on the others",
            "the other domains (each counts the same), trained on one",
            "source",
            2,
            list,
            single_source,
        ),
        Protocol(
            "in-distribution",
            "Testing on the domains that were trained on",
            "held-out images of domains that were trained on (no domain generalization)",
            "",
            1,
            lambda targets: [ALL_DOMAINS],
            in_distribution,
        ),
    )
}
"""By the name that `--protocol` takes."""


def get_protocol(name: str) -> Protocol:
    """Look a protocol up by name; raises SettingsError for an unknown one."""
    if name not in PROTOCOLS:
        raise SettingsError(f"There is no protocol {name!r}; choose from {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[name]


def check_domains(
    data: FeatureSet, targets: Sequence[str], protocol: Protocol | None = None
) -> None:
    """Raise DataError unless `data` has the domains that a protocol needs, and all `targets`.

    Args:
        data: features, or a dataset.
        targets: names of domains.
        protocol: None for `leave_one_domain_out`.
    """
    protocol = protocol or PROTOCOLS[LEAVE_ONE_DOMAIN_OUT]
    if data.domains is None:
        raise DataError(
            f"{protocol.doing} needs known domains, but these images have none: arrange them "
            "as domain/class/image, or give a manifest with a 'domain' column. Without domains, "
            "'ldpf train' and 'ldpf evaluate' do the work."
        )
    if len(data.domain_names) < protocol.domains_needed:
        raise DataError(
            f"{protocol.doing} needs at least 2 domains, but there is only "
            f"{data.domain_names[0]!r}."
        )
    unknown = [name for name in targets if name not in data.domain_names]
    if unknown:
        raise DataError(
            f"There is no domain {unknown[0]!r}; the domains are {', '.join(data.domain_names)}."
        )
