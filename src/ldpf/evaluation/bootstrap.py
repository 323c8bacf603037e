"""Two methods compared on the same images and seeds, with an interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ldpf.errors import SettingsError

Right = Mapping[tuple[str, int], np.ndarray]
"""For each target and seed, which test images [N] a method got right (boolean)."""


@dataclass(frozen=True)
class Comparison:
    """A method against a base, in accuracy averaged over targets (from 0 to 1).

    Attributes:
        difference: the method's accuracy minus the base's.
        low, high: bounds of the interval.
        targets: how many targets went into it.
        seeds: how many seeds both have on every one of them.
    """

    difference: float
    low: float
    high: float
    targets: int
    seeds: int

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def compare(
    method: Right,
    base: Right,
    targets: Sequence[str],
    *,
    draws: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Comparison | None:
    """Paired bootstrap over seeds and images.

    Both methods saw the same split and the same test images, so only images on which they differ
    count. Each draw takes the seeds with replacement (the same ones for all targets, since a seed
    is one repetition of the whole protocol) and, within each target, the test images with
    replacement; the interval is the middle `level` of the drawn differences (percentiles; Efron &
    Tibshirani 1993, chapter 13). With few seeds it understates how much seeds vary: three seeds can
    be drawn in ten ways only.

    Args:
        method, base: which images [N] each got right, by target and seed.
        targets: those that enter the average; each counts the same.
        draws: bootstrap repetitions.
        level: share of the draws that the interval covers, from 0 to 1.
        seed: of the draws.

    Returns:
        The comparison, or None where no seed has both methods on every target.

    Raises:
        SettingsError: the two have different numbers of test images somewhere.
    """
    seeds = sorted(
        s
        for s in {s for _, s in method}
        if all((t, s) in method and (t, s) in base for t in targets)
    )
    if not seeds or not targets:
        return None
    rng = np.random.default_rng(seed)
    drawn_seeds = rng.multinomial(len(seeds), np.full(len(seeds), 1 / len(seeds)), size=draws)
    weights = drawn_seeds / len(seeds)  # [draws, seeds]
    means = np.zeros(draws)
    difference = 0.0
    for target in targets:
        differences = _differences(method, base, target, seeds)  # [seeds, N]
        difference += differences.mean() / len(targets)
        # Images with the same outcome under every seed are alike to the bootstrap, and there are at
        # most 3 ** seeds kinds: drawing how many of each kind is exact, whatever N.
        kinds, counts = np.unique(differences, axis=1, return_counts=True)
        total = counts.sum()
        images = rng.multinomial(total, counts / total, size=draws) / total  # [draws, kinds]
        means += np.einsum("bs,sk,bk->b", weights, kinds, images) / len(targets)
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    return Comparison(float(difference), float(low), float(high), len(targets), len(seeds))


def _differences(method: Right, base: Right, target: str, seeds: Sequence[int]) -> np.ndarray:
    """+1 where only the method is right, -1 where only the base is, [seeds, N]."""
    rows = []
    for seed in seeds:
        own, other = method[target, seed], base[target, seed]
        if own.shape != other.shape:
            raise SettingsError(
                f"On target {target!r}, seed {seed}, one method was tested on {len(own)} images "
                f"and the other on {len(other)}; compare runs on the same data."
            )
        rows.append(own.astype(np.int8) - other.astype(np.int8))
    return np.stack(rows)
