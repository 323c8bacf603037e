"""Images that look like bursts, films or sequences although nobody said what belongs together."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from ldpf.features.duplicates import RATIO, duplicate_distances
from ldpf.utils.text import count
from ldpf.utils.ways import setting

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet

NEAR = 0.4
"""Neighbors by name are a burst where their squared distance is at most this share of the usual."""

LEAST_SHARE = 0.1
"""Fewer images than this share in bursts give no hint, nor fewer than `LEAST_IMAGES`."""

LEAST_IMAGES = 8

SECONDS = 10
"""Pictures taken so soon after one another may be a burst."""

TIME = re.compile(r"(\d{8})[-_T]?(\d{2})[-_:.]?(\d{2})[-_:.]?(\d{2})(?!\d)")
NUMBER = re.compile(r"(.*?)(\d+)\.[^.]+$")

BY_SEQUENCE = r"(?P<group>.*)[^0-9][0-9]+\.[^.]+$"
BY_MINUTE = r"(?P<group>.*\d{8}[-_T]?\d{2}[-_:.]?\d{2})"
BY_TENS = r"(?P<group>.*)[0-9]\.[^.]+$"


@dataclass(frozen=True)
class BurstHint:
    """Images that look like bursts.

    Attributes:
        n_images: images with a neighbor by name that is nearly the same picture.
        of: all images.
        example: paths of two neighbors.
        cosine: of their features.
        pattern: regular expression for ``--group-by``.
    """

    n_images: int
    of: int
    example: tuple[str, str]
    cosine: float
    pattern: str

    def sentence(self) -> str:
        """The hint in one line."""
        one, other = self.example
        return (
            f"{self.n_images:,} of {count(self.of, 'image')} look like bursts: consecutive names, "
            f"nearly the same picture, such as {one} and {other} (cosine {self.cosine:.3f}). "
            "Divided at random, accuracy on held-out images is too high; keep bursts together with "
            f"{setting('group_by', self.pattern)} or a column 'group'"
        )


def burst_hint(data: FeatureSet) -> BurstHint | None:
    """Whether images look like bursts: names that follow one another, and features near each other.

    Only neighbors by name are compared, so it takes no time.

    Args:
        data: N images.

    Returns:
        The hint; None where there are groups already, or too few images look so.
    """
    if data.groups is not None:
        return None
    pairs, kinds = _neighbors(data.paths)
    if not len(pairs):
        return None
    first, second = torch.from_numpy(pairs).T
    cosines = (data.features[first] * data.features[second]).sum(dim=1)
    usual = duplicate_distances(data.features, data.features) / RATIO
    near = (2 - 2 * cosines <= NEAR * torch.minimum(usual[first], usual[second])).numpy()
    n_images = len(np.unique(pairs[near]))
    if n_images < max(LEAST_IMAGES, LEAST_SHARE * len(data)):
        return None
    best = int(np.flatnonzero(near)[cosines.numpy()[near].argmax()])
    one, other = (data.paths[row] for row in pairs[best])
    timed = kinds[near].mean() > 0.5
    pattern = BY_MINUTE if timed else _pattern(data.paths, pairs[near])
    return BurstHint(n_images, len(data), (one, other), float(cosines[best]), pattern)


def _neighbors(paths: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows [P, 2] whose names follow one another, and whether by a time [P]."""
    counted: dict[tuple[str, str], list[tuple[int, int]]] = {}
    timed: dict[str, list[tuple[int, int]]] = {}
    for row, path in enumerate(paths):
        folder, _, name = path.rpartition("/")
        if (time := TIME.search(name)) is not None:
            day, *clock = map(int, time.groups())
            seconds = (day * 24 + clock[0]) * 3600 + clock[1] * 60 + clock[2]
            timed.setdefault(folder, []).append((seconds, row))
        elif (number := NUMBER.match(name)) is not None and len(number[2]) < 16:
            counted.setdefault((folder, number[1]), []).append((int(number[2]), row))
    pairs, kinds = [], []
    for runs, step, kind in ((counted, 1, False), (timed, SECONDS, True)):
        for values in runs.values():
            values.sort()
            for (a, row), (b, other) in itertools.pairwise(values):
                if b - a <= step:
                    pairs.append((row, other))
                    kinds.append(kind)
    return np.array(pairs, np.int64).reshape(-1, 2), np.array(kinds, bool)


def _pattern(paths: tuple[str, ...], pairs: np.ndarray) -> str:
    """By sequence where names have a number for it before that of the picture, else by tens."""
    sequences = set()
    for row in np.unique(pairs):
        match = re.match(BY_SEQUENCE, paths[row])
        if match is None:
            return BY_TENS
        sequences.add(match["group"])
    names = [sequence.rpartition("/")[2] for sequence in sequences]
    own_number = np.mean([any(sign.isdigit() for sign in name) for name in names])
    return BY_SEQUENCE if len(sequences) > 1 and own_number > 0.5 else BY_TENS
