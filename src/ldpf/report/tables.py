"""Tables of accuracies and of latent domains, for the terminal and as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType

AVERAGE = "average"
"""Heading of the column that averages over target domains."""

ORACLE_NOTE = "needs the true labels: an upper bound, not a method"


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
class BenchmarkRow:
    """One method: its cells by column name, None where no run was finished."""

    method: str
    oracle: bool
    cells: Mapping[str, Cell | None]


@dataclass(frozen=True)
class BenchmarkTable:
    """Methods by left-out target domains, with the average over targets.

    Attributes:
        rows: methods in the order asked for, oracles last.
        targets: column names.
        caption: what was compared, in a few lines.
    """

    rows: tuple[BenchmarkRow, ...]
    targets: tuple[str, ...]
    caption: tuple[str, ...] = ()

    @classmethod
    def from_results(
        cls,
        lines: Sequence[Mapping[str, Any]],
        methods: Sequence[str],
        targets: Sequence[str],
        caption: Sequence[str] = (),
    ) -> BenchmarkTable:
        """Collect result lines, as `run_benchmark` returns them, into a table."""
        rows = [_row(method, lines, targets) for method in methods]
        ordered = [row for row in rows if not row.oracle] + [row for row in rows if row.oracle]
        return cls(tuple(ordered), tuple(targets), tuple(caption))

    @property
    def columns(self) -> tuple[str, ...]:
        """Targets, then the average where there are several."""
        return self.targets if len(self.targets) < 2 else (*self.targets, AVERAGE)

    def best(self, column: str) -> str | None:
        """The highest mean of a column as it is printed; oracles do not compete."""
        cells = [row.cells[column] for row in self.rows if not row.oracle]
        return max((cell.shown_mean for cell in cells if cell), key=float, default=None)

    def to_rich(self) -> Table:
        """For the terminal; the best of each column in bold."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
        table.add_column("method", no_wrap=True)
        for column in self.columns:
            table.add_column(Text(column), justify="right", overflow="fold")
        best = {column: self.best(column) for column in self.columns}
        for position, row in enumerate(self.rows):
            if row.oracle and position and not self.rows[position - 1].oracle:
                table.add_section()
            cells: list[RenderableType] = []
            for column in self.columns:
                cell = row.cells[column]
                bold = cell is not None and not row.oracle and cell.shown_mean == best[column]
                cells.append(Text(_shown(cell), style="bold" if bold else ""))
            table.add_row(Text(_label(row), style="dim" if row.oracle else ""), *cells)
        return table

    def notes(self) -> list[str]:
        """The caption, and what the star means where there is one."""
        star = [f"* {ORACLE_NOTE}."] if any(row.oracle for row in self.rows) else []
        return [*star, *self.caption]

    def to_markdown(self) -> str:
        """The same table for a README or an issue."""
        lines = ["| method | " + " | ".join(map(_escape, self.columns)) + " |"]
        lines.append("|---|" + "---:|" * len(self.columns))
        best = {column: self.best(column) for column in self.columns}
        for row in self.rows:
            cells = []
            for column in self.columns:
                cell = row.cells[column]
                bold = cell is not None and not row.oracle and cell.shown_mean == best[column]
                cells.append(f"**{_shown(cell)}**" if bold else _shown(cell))
            lines.append(f"| {_escape(_label(row))} | " + " | ".join(cells) + " |")
        notes = [_escape(note) for note in self.notes()]
        return "\n".join([*lines, "", "\n\n".join(notes), ""])

    def to_json(self) -> dict[str, Any]:
        """Means and standard deviations from 0 to 1."""

        def plain(cell: Cell | None) -> dict[str, Any] | None:
            return (
                None if cell is None else {"mean": cell.mean, "std": cell.std, "seeds": cell.seeds}
            )

        return {
            "targets": list(self.targets),
            "rows": [
                {
                    "method": row.method,
                    "oracle": row.oracle,
                    "targets": {target: plain(row.cells[target]) for target in self.targets},
                    AVERAGE: plain(row.cells[AVERAGE]),
                }
                for row in self.rows
            ],
            "caption": self.notes(),
        }


def _row(method: str, lines: Sequence[Mapping[str, Any]], targets: Sequence[str]) -> BenchmarkRow:
    mine = [line for line in lines if line["method"] == method]
    accuracy = {(line["target"], line["seed"]): line["accuracy"] for line in mine}
    seeds = sorted({seed for _, seed in accuracy})
    by_target = {
        target: [accuracy[target, seed] for seed in seeds if (target, seed) in accuracy]
        for target in targets
    }
    # An average over other targets than the neighbouring row's would not be comparable.
    averages = [
        statistics.fmean(accuracy[target, seed] for target in targets)
        for seed in seeds
        if all((target, seed) in accuracy for target in targets)
    ]
    cells = {target: Cell.of(values) for target, values in by_target.items()}
    oracle = any(line["oracle"] for line in mine)
    return BenchmarkRow(method, oracle, {**cells, AVERAGE: Cell.of(averages)})


def _label(row: BenchmarkRow) -> str:
    return f"{row.method} *" if row.oracle else row.method


def _shown(cell: Cell | None) -> str:
    return "–" if cell is None else str(cell)


def _escape(text: str) -> str:
    for sign in "\\|*_`<":
        text = text.replace(sign, "\\" + sign)
    return text


def counts_table(
    counts: np.ndarray, row_names: Sequence[str], heading: str, column: str = "latent\ndomain"
) -> Table:
    """Images by something (rows) and latent domain (columns), each with its share of the row.

    Args:
        counts: [rows, S].
        row_names: what the rows are.
        heading: what they are called together.
        column: what the columns are called, before their number; a line break keeps them narrow.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column(Text(heading), overflow="fold")
    table.add_column("images", justify="right")
    for s in range(counts.shape[1]):
        table.add_column(Text(f"{column} {s}"), justify="right")
    for name, row in zip(row_names, counts, strict=True):
        total = int(row.sum())
        shares = [f"{int(n):,} ({n / total:.0%})" if total else "0" for n in row]
        table.add_row(Text(name), f"{total:,}", *shares)
    return table


def accuracy_table(
    heading: str, rows: Sequence[tuple[str, int, float | None]], limit: int | None = None
) -> Table:
    """Accuracies of groups of images: (name, images, accuracy or None for no images)."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column(Text(heading), overflow="fold")
    table.add_column("images", justify="right")
    table.add_column("accuracy", justify="right")
    for name, images, accuracy in rows[:limit]:
        shown = "–" if accuracy is None else f"{accuracy:.1%}"
        table.add_row(Text(name), f"{images:,}", shown)
    return table


def most_uneven(counts: np.ndarray, limit: int) -> np.ndarray:
    """The rows of `counts` [K, S] that differ most from the whole, at most `limit`, largest first.

    A row's difference is the number of its images that would have to change column for its shares
    to be those of all images, so that a class of two images does not lead the list.
    """
    total = counts.sum(axis=1, keepdims=True)  # [K, 1]
    expected = total * (counts.sum(axis=0) / max(counts.sum(), 1))
    moved = np.abs(counts - expected).sum(axis=1) / 2
    return np.argsort(-moved, kind="stable")[:limit]
