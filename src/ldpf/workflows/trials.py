"""Work tried on a part of the images with a few steps, and what all of it would take."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ldpf.training.probe import StepProbe, probing
from ldpf.utils.quiet import quiet
from ldpf.utils.resources import peak_memory_mib, reset_peak_memory
from ldpf.utils.span import Span

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet

PART = 2_000
"""Images that work is tried on, at most; and a quarter of them, to see how it grows."""

FEWEST = 8
"""Images of each class and domain in a part, where there are so many."""

SATURATES = 20_000
"""Images beyond which some of the work grows no more (`ldpf.domains`), and some does."""

_MIB = 2**20
_START_S = 3.0
"""What a further process takes to begin: imports, and the backbone."""


@dataclass(frozen=True)
class Cost:
    """What a piece of work takes.

    Attributes:
        seconds: wall time.
        text_passes: through the text encoder.
        memory_mib: of its process, at most.
        disk_mib: files that it leaves.
    """

    seconds: Span
    text_passes: Span
    memory_mib: Span
    disk_mib: float


def tried(
    work: Callable[[FeatureSet, Path], None], features: FeatureSet, device: torch.device | str
) -> Cost:
    """What `work` would take on all of the images.

    It is done on a part of them, and on a quarter of this part, with a few steps of each training.
    Time is extended along the straight line through both; it is taken to grow, and not faster than
    the number of images.

    Args:
        work: what to do with features, and with an empty folder, which is removed.
        features: of all images.
        device: where it computes.

    Raises:
        LdpfError: as `work`.
    """
    n = len(features)
    part = part_of(features, PART)
    cost = _done(work, part, device)
    if len(part) == n:
        return cost
    smaller = part_of(part, len(part) // 4)
    less = _done(work, smaller, device)
    images = len(part) - len(smaller)
    slope = (cost.seconds.high - less.seconds.high) / max(images, 1)
    slope = min(max(slope, 0.0), cost.seconds.high / len(part))
    passes = (cost.text_passes.high - less.text_passes.high) / max(images, 1)
    row_mib = 4 * features.features.shape[1] / _MIB
    more, fewest = n - len(part), max(min(n, SATURATES) - len(part), 0)
    return Cost(
        seconds=cost.seconds + Span(slope * fewest, slope * more),
        text_passes=cost.text_passes + Span(passes * more, passes * more),
        memory_mib=cost.memory_mib + Span(row_mib * more, 3 * row_mib * more),
        disk_mib=cost.disk_mib,
    )


def warmed(
    work: Callable[[FeatureSet, Path], None], features: FeatureSet, device: torch.device | str
) -> float:
    """Do `work` on very few images: seconds that are mostly what a process does once, as imports.

    Raises:
        LdpfError: as `work`.
    """
    few = part_of(features, 1)
    started = time.perf_counter()
    _done(work, few, device)
    return time.perf_counter() - started


def side_by_side(costs: Sequence[Span], workers: int) -> Span:
    """Seconds of pieces of work that `workers` processes do, none of them longer than it must."""
    if not costs:
        return Span()
    low = max(sum(cost.low for cost in costs) / workers, max(cost.low for cost in costs))
    high = sum(cost.high for cost in costs) / workers
    if workers > 1:  # the last ones are not done by all, and processors share their memory
        high = 1.15 * high + max(cost.high for cost in costs) / 2 + _START_S
    return Span(low, max(high, low))


def part_of(features: FeatureSet, n: int) -> FeatureSet:
    """About `n` images, a like share of each class in each domain, and some of each at least."""
    if len(features) <= n:
        return features
    domains = features.domains
    cells = (
        features.labels
        if domains is None
        else features.labels * (len(features.domain_names)) + domains
    )
    random, share = np.random.default_rng(0), n / len(features)
    order = random.permutation(len(features))
    _, cell, counts = np.unique(cells.numpy()[order], return_inverse=True, return_counts=True)
    wanted = np.minimum(np.maximum(np.round(share * counts).astype(int), FEWEST), counts)
    by_cell = np.argsort(cell, kind="stable")
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    return features.subset(np.sort(order[by_cell[place < np.repeat(wanted, counts)]]))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch compute with `count` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _done(
    work: Callable[[FeatureSet, Path], None], part: FeatureSet, device: torch.device | str
) -> Cost:
    """What `work` takes on these images, with all of its steps."""
    probe = StepProbe()
    with (
        tempfile.TemporaryDirectory(prefix="ldpf-estimate-") as temporary,
        quiet(),
        warnings.catch_warnings(),
        probing(probe),
    ):
        warnings.simplefilter("ignore")
        reset_peak_memory(device)
        started = time.perf_counter()
        work(part, Path(temporary))
        fixed = max(time.perf_counter() - started - probe.probed_s, 0.0)
        peak = peak_memory_mib(device)
        files = (file for file in Path(temporary).rglob("*") if file.is_file())
        size = sum(file.stat().st_size for file in files)
    return Cost(
        probe.steps_s + Span(fixed, fixed), probe.text_passes, Span(peak, 1.2 * peak), size / _MIB
    )
