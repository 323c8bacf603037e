"""Cells and rows of a table of accuracies."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ldpf.experiments.protocols import protocol_of

AVERAGE = "average"
"""Heading of the column that averages over target domains."""

BATCH_MARK = " †"
PUBLISHED_MARK = " (published)"


@dataclass(frozen=True)
class Cell:
    """Accuracy over seeds: its mean, and its sample standard deviation (None for one seed)."""

    mean: float
    std: float | None
    seeds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Cell | None:
        """The cell of one accuracy per seed; None where there is none."""
        if not values:
            return None
        std = statistics.stdev(values) if len(values) > 1 else None
        return cls(statistics.fmean(values), std, len(values))

    @property
    def shown_mean(self) -> str:
        """The mean in percent as it is printed, by which the best are compared."""
        return f"{100 * self.mean:.1f}"

    def __str__(self) -> str:
        return self.shown_mean if self.std is None else f"{self.shown_mean} ± {100 * self.std:.1f}"


@dataclass(frozen=True)
class Expected:
    """A number that was published for a cell, and whether the cell agrees with it.

    Attributes:
        value: the published accuracy, from 0 to 1, printed with one decimal in percent.
        inside: whether it lies in the spread of the seeds: mean ± standard deviation, and half of
            its last digit for rounding. None where there is one seed and thus no spread.
    """

    value: float
    inside: bool | None

    @classmethod
    def of(cls, cell: Cell, value: float, rounding: float = 0.0005) -> Expected:
        """Compare a cell with a published value.

        Args:
            cell: one's own.
            value: published, from 0 to 1.
            rounding: half of the last digit that was printed.
        """
        if cell.std is None:
            return cls(value, None)
        # A hair more, since 0.8305 - 0.83 is not 0.0005 in binary.
        return cls(value, abs(cell.mean - value) <= cell.std + rounding + 1e-9)

    def __str__(self) -> str:
        words = {True: "inside", False: "outside", None: "one seed"}[self.inside]
        return f"{100 * self.value:.2f}".removesuffix("0") + f" {words}"


@dataclass(frozen=True)
class BenchmarkRow:
    """One method: its cells by column name, None where no run was finished.

    Attributes:
        method: its name.
        oracle: whether it needs the true labels; such rows stand last and compete with none.
        cells: by column.
        published: whether these are other people's numbers, which compete with none either.
        batch: whether an answer depends on the other test images; these see the target domain
            (without its labels) and compete with none that do not.
    """

    method: str
    oracle: bool
    cells: Mapping[str, Cell | None]
    published: bool = False
    batch: bool = False

    @property
    def label(self) -> str:
        """The name with a mark for what the notes below explain."""
        mark = " *" if self.oracle else BATCH_MARK if self.batch else ""
        return f"{self.method}{PUBLISHED_MARK if self.published else mark}"

    @property
    def competes(self) -> bool:
        """Whether it may be the best of a column."""
        return not (self.oracle or self.published or self.batch)


def row_of(method: str, lines: Sequence[Mapping[str, Any]], targets: Sequence[str]) -> BenchmarkRow:
    mine = [line for line in lines if line["method"] == method]
    found: dict[tuple[str, int], list[float]] = {}
    for line in mine:
        found.setdefault((protocol_of(line).column(line), line["seed"]), []).append(
            line["accuracy"]
        )
    accuracy = {place: statistics.fmean(values) for place, values in found.items()}
    seeds = sorted({seed for _, seed in accuracy})
    by_target = {
        target: [accuracy[target, seed] for seed in seeds if (target, seed) in accuracy]
        for target in targets
    }
    # An average over other targets than the neighboring row's would not be comparable.
    averages = [
        statistics.fmean(accuracy[target, seed] for target in targets)
        for seed in seeds
        if all((target, seed) in accuracy for target in targets)
    ]
    cells = {target: Cell.of(values) for target, values in by_target.items()}
    oracle = any(line["oracle"] for line in mine)
    batch = any(not line.get("per_image", True) for line in mine)
    return BenchmarkRow(method, oracle, {**cells, AVERAGE: Cell.of(averages)}, batch=batch)
