"""A validation set of whole groups, with the shares of classes and domains as near as they allow.

The idea is that of scikit-learn's `StratifiedGroupKFold`: groups go, one after the other, where
they bring the shares nearer to what is wanted. Here in random order, and then again for groups that
are better on the other side, since there are two sides of unequal size and not k equal folds.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ldpf.data.groups import group_ids
from ldpf.errors import DataError
from ldpf.utils.text import count, some

MOST_PASSES = 10
"""How often all groups are looked at; two or three times are usual."""


@dataclass(frozen=True)
class _Cells:
    """What the shares are counted in: each image is in one cell of every kind.

    Attributes:
        of_image: [N, kinds] cell of each image, with ids of its own for each kind.
        sizes: [cells] images in each.
        kept: [cells] whether a cell must keep an image for training.
    """

    of_image: np.ndarray
    sizes: np.ndarray
    kept: np.ndarray


def grouped_validation(
    labels: np.ndarray,
    domains: np.ndarray,
    groups: np.ndarray,
    fraction: float,
    seed: int,
) -> np.ndarray:
    """Choose groups for validation.

    The shares of every class in every domain, of every domain, of every class and of all images
    are brought near `fraction`. A class keeps an image for training in every domain it has; where
    then nothing can be held out, as where each domain is one group, it keeps one somewhere.

    Args:
        labels, domains: [N] ids.
        groups: [N] names; see `ldpf.data.groups`.
        fraction: wanted share of the images.
        seed: of the order of groups.

    Returns:
        [N] bool, images for validation.

    Raises:
        DataError: the groups leave nothing that can be held out.
    """
    ids = group_ids(groups)
    _, ids = np.unique(ids, return_inverse=True)
    cells = _cells(labels, domains, strict=True)
    chosen = _choose(cells, ids, fraction, np.random.default_rng([seed, 1]))
    if not chosen.any():
        cells = _cells(labels, domains, strict=False)
        chosen = _choose(cells, ids, fraction, np.random.default_rng([seed, 2]))
    n_groups = int(ids.max()) + 1 if len(ids) else 0
    n_classes = len(np.unique(labels))
    # One image for each class has an empty validation set without groups too: no fault of theirs.
    if not chosen.any() and n_groups < len(ids) > n_classes:
        raise DataError(
            f"no group can be held out: the {count(len(ids), 'image')} of "
            f"{count(n_classes, 'class', 'classes')} are in {count(n_groups, 'group')}, and each "
            "class must keep images to learn from; give finer groups, or more of them"
        )
    return chosen[ids]


def shares_words(
    labels: np.ndarray,
    groups: np.ndarray,
    held_out: np.ndarray,
    class_names: Sequence[str],
) -> str:
    """The shares that a split of whole groups has reached, in one line.

    Args:
        labels: [N] class ids.
        groups: [N] names.
        held_out: [N] bool, images that are not learned from.
        class_names: of all classes.
    """
    present = np.unique(labels)
    shares = {k: float(held_out[labels == k].mean()) for k in present}
    least, most = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
    n_groups = len(np.unique(group_ids(groups)))
    spread = (
        f"from {shares[least]:.1%} ({class_names[least]}) to {shares[most]:.1%} "
        f"({class_names[most]}) of a class"
        if shares[least] < shares[most]
        else "the same share of each class"
    )
    words = (
        f"{count(n_groups, 'group')}, none divided: {held_out.mean():.1%} of the images are held "
        f"out, {spread}"
    )
    single = [
        class_names[k]
        for k in present
        if not shares[k] and len(np.unique(group_ids(groups[labels == k]))) == 1
    ]
    if single:
        words += (
            f"; all images of {some(single, limit=5)} are in one group, so none of them is held out"
        )
    return words


def _cells(labels: np.ndarray, domains: np.ndarray, *, strict: bool) -> _Cells:
    whole = np.zeros_like(labels)
    _, pairs = np.unique(np.stack([domains, labels]), axis=1, return_inverse=True)
    kinds = [pairs.reshape(-1), domains, labels, whole] if strict else [labels, whole]
    of_image, sizes, kept = [], [], []
    for i, kind in enumerate(kinds):
        _, cell, counts = np.unique(kind, return_inverse=True, return_counts=True)
        of_image.append(cell + sum(map(len, sizes)))
        sizes.append(counts)
        kept.append(np.full(len(counts), i == 0))
    return _Cells(np.stack(of_image, axis=1), np.concatenate(sizes), np.concatenate(kept))


def _choose(
    cells: _Cells, ids: np.ndarray, fraction: float, generator: np.random.Generator
) -> np.ndarray:
    """[groups] bool. Every cell's squared distance to its share counts by its size."""
    n_groups = int(ids.max()) + 1 if len(ids) else 0
    parts = _parts(cells, ids, n_groups)
    wanted = fraction * cells.sizes
    taken = np.zeros(len(cells.sizes))
    most = np.where(cells.kept, cells.sizes - 1, cells.sizes)
    chosen = np.zeros(n_groups, dtype=bool)
    for _ in range(MOST_PASSES):
        moved = False
        for group in generator.permutation(n_groups):
            cell, images = parts[group]
            change = -images if chosen[group] else images
            after = taken[cell] + change
            if not chosen[group] and (after > most[cell]).any():
                continue
            before = taken[cell] - wanted[cell]
            gain = ((before**2 - (after - wanted[cell]) ** 2) / cells.sizes[cell]).sum()
            if gain > 1e-9:
                taken[cell] = after
                chosen[group] = not chosen[group]
                moved = True
        if not moved:
            break
    return chosen


def _parts(cells: _Cells, ids: np.ndarray, n_groups: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each group its cells and how many of its images are in each."""
    n_cells = len(cells.sizes)
    keys, images = np.unique(ids[:, None] * n_cells + cells.of_image, return_counts=True)
    owner, cell = np.divmod(keys, n_cells)
    bounds = np.searchsorted(owner, np.arange(n_groups + 1))
    return [
        (cell[start:end], images[start:end].astype(np.float64))
        for start, end in itertools.pairwise(bounds)
    ]
