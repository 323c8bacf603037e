"""Leave one domain out: who is trained on what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ldpf.data.splits import make_split
from ldpf.errors import DataError
from ldpf.features import FeatureSet

SELECTION = "training-domain-validation"
"""Checkpoints are chosen on held-out images of the training domains, never on the target."""


@dataclass(frozen=True)
class Episode:
    """One target domain left out, with one seed's split of the others."""

    target: str
    seed: int
    train: FeatureSet
    validation: FeatureSet
    test: FeatureSet


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
    is_target = data.domains == data.domain_names.index(target)
    sources = (~is_target).nonzero().flatten().numpy()
    held_out = is_target.nonzero().flatten().numpy()
    for rows, place in ((held_out, "in"), (sources, "outside of")):
        if not len(rows):
            raise DataError(
                f"There is no image {place} the domain {target!r}, so it cannot be left out; "
                "choose another target or give more images."
            )
    splits = data.splits
    split = make_split(
        None if splits is None else splits[sources],
        data.labels[sources].numpy(),
        data.domains[sources].numpy(),
        train_fraction=train_fraction,
        seed=seed,
    )
    if splits is not None and (splits[held_out] == "test").any():
        held_out = held_out[splits[held_out] == "test"]
    return Episode(
        target=target,
        seed=seed,
        train=data.subset(sources[split.train]),
        validation=data.subset(sources[split.validation]),
        test=data.subset(held_out),
    )


def check_domains(data: FeatureSet, targets: Sequence[str]) -> None:
    """Raise DataError unless `data` has at least two domains and all `targets` among them."""
    if data.domains is None:
        raise DataError(
            "Leaving one domain out needs known domains, but these images have none: arrange them "
            "as domain/class/image, or give a manifest with a 'domain' column. Without domains, "
            "'ldpf train' and 'ldpf evaluate' do the work."
        )
    if len(data.domain_names) < 2:
        raise DataError(
            f"Leaving one domain out needs at least 2 domains, but there is only "
            f"{data.domain_names[0]!r}."
        )
    unknown = [name for name in targets if name not in data.domain_names]
    if unknown:
        raise DataError(
            f"There is no domain {unknown[0]!r}; the domains are {', '.join(data.domain_names)}."
        )
