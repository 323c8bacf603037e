"""Train and validation sets: the same for the same seed, even over every domain and class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ldpf.data.grouped_splits import grouped_validation
from ldpf.data.groups import require_whole
from ldpf.errors import DataError
from ldpf.utils.constraints import SEED, Number, check_value


@dataclass(frozen=True)
class Split:
    """Row numbers, int64 and sorted; `test` is empty unless a manifest named test images."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split_train_validation(
    labels: np.ndarray,
    domains: np.ndarray | None,
    *,
    groups: np.ndarray | None = None,
    train_fraction: float = 0.8,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows so that every class of every domain is divided in the same proportion.

    In each domain the validation set has round((1 - train_fraction) * n) images. Each class gets
    its exact share of them rounded down; the rest go one each to the classes with the largest
    remainders (equal ones drawn by the seed). A class keeps at least one training image in every
    domain it has, so a class with one image there has it in training, and the validation set is
    smaller by it, down to none. Adding images to one domain does not change another domain's split.

    With groups none of them is divided, and shares are as near as that allows; see
    `ldpf.data.grouped_splits.grouped_validation`.

    Args:
        labels: [N] class ids.
        domains: [N] domain ids, or None for one unknown mixture.
        groups: [N] names of what must stay together; None where nothing must.
        train_fraction: Between 0 and 1, both excluded.
        seed: 0 to 2^32 - 1; the same seed gives the same split.

    Returns:
        Training rows and validation rows: sorted int64, together 0..N-1.

    Raises:
        SettingsError: A fraction or seed outside its range.
        DataError: The groups leave nothing to hold out.
    """
    check_value("train_fraction", train_fraction, Number(above=0, below=1))
    check_value("seed", seed, SEED)
    labels = np.asarray(labels)
    domains = np.zeros_like(labels) if domains is None else np.asarray(domains)
    if groups is not None:
        chosen = grouped_validation(labels, domains, groups, 1 - train_fraction, seed)
        return np.flatnonzero(~chosen), np.flatnonzero(chosen)
    validation = [np.empty(0, dtype=np.int64)]
    for domain in np.unique(domains):
        rows = np.flatnonzero(domains == domain)
        classes, counts = np.unique(labels[rows], return_counts=True)
        generator = np.random.default_rng([seed, int(domain)])
        wanted = _validation_counts(counts, 1 - train_fraction, generator)
        for k, n in zip(classes, wanted, strict=True):
            members = rows[labels[rows] == k]
            # A generator of its own for each class: another class's images change nothing here.
            own = np.random.default_rng([seed, int(domain), int(k)])
            order = np.argsort(own.random(len(members)), kind="stable")
            validation.append(members[order[:n]])
    chosen = np.zeros(len(labels), dtype=bool)
    chosen[np.concatenate(validation)] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def make_split(
    splits: np.ndarray | None,
    labels: np.ndarray,
    domains: np.ndarray | None,
    *,
    groups: np.ndarray | None = None,
    paths: Sequence[str] | None = None,
    train_fraction: float = 0.8,
    seed: int,
) -> Split:
    """The split a manifest gives, completed where it gives none.

    Without `splits`, or where no row is ``val``, the validation set is drawn from the training rows
    by `split_train_validation`; ``test`` rows are never used for it.

    Args:
        splits: [N] strings ``train``, ``val``, ``test`` (`ImageDataset.splits`), or None.
        labels, domains, groups, train_fraction, seed: As in `split_train_validation`.
        paths: Of the images, for messages; None for their row numbers.

    Raises:
        DataError: `splits` names no training image, or divides a group; or the groups leave nothing
            to hold out.
        SettingsError: As in `split_train_validation`.
    """
    if splits is None:
        splits = np.full(len(labels), "train")
    elif groups is not None:
        require_whole(groups, splits, paths or [f"row {i}" for i in range(len(splits))])
    train = np.flatnonzero(splits == "train")
    if not len(train):
        raise DataError(
            f"none of the {len(splits):,} images has the split 'train'; mark some in the manifest"
        )
    validation = np.flatnonzero(splits == "val")
    if not len(validation):
        domains_there = None if domains is None else np.asarray(domains)[train]
        inner, outer = split_train_validation(
            np.asarray(labels)[train],
            domains_there,
            groups=None if groups is None else groups[train],
            train_fraction=train_fraction,
            seed=seed,
        )
        train, validation = train[inner], train[outer]
    return Split(train, validation, np.flatnonzero(splits == "test"))


def _validation_counts(
    counts: np.ndarray, fraction: float, generator: np.random.Generator
) -> np.ndarray:
    """How many of each class's `counts` [C] go to validation: largest remainders, one kept back."""
    # Tiny offsets of binary fractions (1 - 0.8 = 0.19999...) must not lose a whole image.
    exact = np.round(counts * fraction, 9)
    wanted = np.minimum(np.floor(exact).astype(np.int64), counts - 1)
    room = (wanted < counts - 1) & (wanted < exact)
    remainder = np.where(room, exact - wanted, -1.0)
    missing = int(np.floor(exact.sum() + 0.5)) - int(wanted.sum())
    # lexsort: by remainder, largest first; equal ones by a random key.
    order = np.lexsort((generator.random(len(counts)), -remainder))
    wanted[order[: max(0, min(missing, int(room.sum())))]] += 1
    return wanted
