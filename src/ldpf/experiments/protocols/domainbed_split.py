"""DomainBed's split of each domain, drawn again image for image.

As in `domainbed/lib/misc.py` and `domainbed/scripts/train.py` of Gulrajani and Lopez-Paz, arXiv
2007.01434: the images of an environment, in the order of torchvision's `ImageFolder`, are shuffled
by a generator seeded with the md5 of the trial and the environment; the first fifth is held out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ldpf.errors import DataError
from ldpf.experiments.episode import Episode
from ldpf.experiments.protocols.base import Protocol

if TYPE_CHECKING:
    from ldpf.data.dataset import ImageDataset
    from ldpf.features.feature_set import FeatureSet

HOLDOUT_FRACTION = 0.2
"""Share of each environment that is held out; DomainBed's default."""


def seed_hash(*values: int) -> int:
    """A seed from numbers: the md5 of their tuple as Python prints it, below 2^31."""
    return int(hashlib.md5(str(values).encode("utf-8")).hexdigest(), 16) % (2**31)


def environments(domain_names: tuple[str, ...]) -> dict[str, int]:
    """The number of each environment: the place of its folder among the sorted ones."""
    return {name: place for place, name in enumerate(sorted(domain_names))}


def environment_split(
    data: FeatureSet, domain: str, trial_seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Divide one domain as DomainBed does.

    Args:
        data: N features with known domains, and the paths of their files.
        domain: a name in `data.domain_names`.
        trial_seed: of DomainBed's trial.

    Returns:
        Sorted rows into `data`: those held out (`out`, a fifth rounded down) and the others (`in`).
    """
    assert data.domains is not None
    rows = np.flatnonzero(data.domains.numpy() == data.domain_names.index(domain)).tolist()
    labels = data.labels.tolist()

    def in_image_folder(row: int) -> tuple[int, str, str]:
        # ImageFolder: classes by name, then folders below them, then files; class ids are in the
        # order of the class folders.
        folder, _, file = data.paths[row].rpartition("/")
        return labels[row], folder, file

    rows.sort(key=in_image_folder)
    keys = list(range(len(rows)))
    seed = seed_hash(trial_seed, environments(data.domain_names)[domain])
    np.random.RandomState(seed).shuffle(keys)
    n_held_out = int(len(rows) * HOLDOUT_FRACTION)
    ordered = np.asarray(rows, dtype=np.int64)[keys]
    return np.sort(ordered[:n_held_out]), np.sort(ordered[n_held_out:])


def domainbed_episode(
    data: FeatureSet, case: str, seed: int, trial_seed: int, *, measure_held_out: bool
) -> Episode:
    """Leave a domain out, with every domain divided as DomainBed does.

    Args:
        data: features with known domains and without groups; see `DomainBedSplit.check`.
        case: the domain left out.
        seed: of the episode.
        trial_seed: of the split.
        measure_held_out: test on the fifth of the target that is held out, not on the rest of it.

    Raises:
        DataError: a part has no image.
    """
    splits = {name: environment_split(data, name, trial_seed) for name in data.domain_names}
    of_target, inside_target = splits.pop(case)
    tested = of_target if measure_held_out else inside_target
    held_out, training = zip(*splits.values(), strict=True)
    parts = {
        "trained on": np.concatenate(training),
        "held out for validation": np.concatenate(held_out),
        "tested on": tested,
    }
    for what, rows in parts.items():
        if not len(rows):
            raise DataError(
                f"No image is {what} when the domain {case!r} is left out: a fifth of each domain "
                "is held out, rounded down; give more images."
            )
    train, validation, test = (data.subset(np.sort(rows)) for rows in parts.values())
    return Episode(case, seed, train=train, validation=validation, test=test)


class DomainBedSplit(Protocol):
    """What protocols share that leave one domain out and divide every one as DomainBed does."""

    doing = "Leaving one domain out"
    unit = "target"
    leaves_one_out = True
    train_fraction = 1 - HOLDOUT_FRACTION

    def check(self, data: FeatureSet | ImageDataset, domains: Sequence[str] = ()) -> None:
        """As every protocol; images in groups are refused: drawn one by one, they would be torn."""
        super().check(data, domains)
        if data.groups is not None:
            raise DataError(
                f"The protocol {self.registered_name} divides each domain image by image, as was "
                "published, and would tear groups apart; leave the groups out to compare with "
                "published numbers, or take the protocol leave-one-domain-out, which keeps them "
                "whole."
            )

    def remarks(self, data: FeatureSet) -> list[str]:
        """What keeps the split from being the published one, in sentences."""
        name, remarks = self.registered_name, []
        if data.splits is not None:
            remarks.append(
                f"The splits that come with these images are not used: {name} draws its own. Where "
                "split lists leave images out, it is not the published one image for image."
            )
        if data.skipped:
            remarks.append(
                f"{len(data.skipped):,} files were left out, so the split of {name} is not the "
                "published one image for image."
            )
        return remarks
