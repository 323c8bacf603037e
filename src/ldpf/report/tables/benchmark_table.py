"""Tables of accuracies and of latent domains, for the terminal and as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from ldpf.experiments.protocols import protocol_of

if TYPE_CHECKING:
    from rich.console import RenderableType

AVERAGE = "average"
"""Heading of the column that averages over target domains."""

ORACLE_NOTE = "needs the true labels: an upper bound, not a method"
PUBLISHED_MARK = " (published)"
COST_HEADINGS = ("seconds a run", "text passes", "peak MiB")
CALIBRATION_HEADINGS = ("ECE", "calibrated ECE")
ALIGNMENT_HEADINGS = ("aligned", "not aligned")
BATCH_MARK = " †"
BATCH_NOTE = (
    "† answers depend on all test images given together, so the target domain is seen, without "
    "labels: not to be compared with answers to single images."
)


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


@dataclass(frozen=True)
class BenchmarkTable:
    """Methods by left-out target domains, with the average over targets.

    Attributes:
        rows: methods in the order asked for; those on batches and oracles last.
        targets: column names: targets, or `from` and a single source.
        caption: what was compared, in a few lines.
        against: name of the method that the others are compared with, if any.
        differences: by method, its difference to that one with the interval, in percent.
        costs: by method, what stands below `COST_HEADINGS`; empty for a table without.
        calibration: by method, expected calibration error at the targets before and after the
            temperature from latent domains left out, from 0 to 1, means; None where a run has none.
        shows_calibration: whether columns of the table show these.
        alignment: by method, accuracy at the targets on images that are aligned with the text of
            their own class, and on the others, means from 0 to 1; empty for a table without.
        expected: by method and column, what was published for that cell; empty where that is not
            asked for.
    """

    rows: tuple[BenchmarkRow, ...]
    targets: tuple[str, ...]
    caption: tuple[str, ...] = ()
    against: str | None = None
    differences: Mapping[str, str] = field(default_factory=dict)
    costs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    calibration: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    shows_calibration: bool = False
    alignment: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    expected: Mapping[tuple[str, str], Expected] = field(default_factory=dict)

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
        ordered = sorted(rows, key=lambda row: (row.oracle, row.batch))
        return cls(tuple(ordered), tuple(targets), tuple(caption))

    @property
    def columns(self) -> tuple[str, ...]:
        """Targets, then the average where there are several."""
        return self.targets if len(self.targets) < 2 else (*self.targets, AVERAGE)

    def shown(self, row: BenchmarkRow, column: str) -> str:
        """A cell as it is printed, with what was published for it where that is asked for."""
        text = shown(row.cells.get(column))
        expected = None if row.published else self.expected.get((row.method, column))
        return text if expected is None else f"{text} ({expected})"

    def ranked(self, column: str) -> list[str]:
        """The different means of a column as they are printed, the highest first."""
        cells = [row.cells.get(column) for row in self.rows if row.competes]
        return sorted({cell.shown_mean for cell in cells if cell}, key=float, reverse=True)

    def is_place(self, row: BenchmarkRow, column: str, place: int) -> bool:
        """Whether a cell holds the highest (0), second highest (1) ... mean of its column."""
        cell, ranked = row.cells.get(column), self.ranked(column)
        return bool(
            cell and row.competes and place < len(ranked) and cell.shown_mean == ranked[place]
        )

    @property
    def further_headings(self) -> tuple[str, ...]:
        """Headings of the columns behind the accuracies, in the order of `further`."""
        compared = (f"vs {self.against} (95% interval)",) if self.against else ()
        return (*compared, *self.measured_headings)

    @property
    def measured_headings(self) -> tuple[str, ...]:
        """Those of calibration, alignment and costs, where the table has them."""
        calibration = CALIBRATION_HEADINGS if self.shows_calibration else ()
        alignment = ALIGNMENT_HEADINGS if self.alignment else ()
        return (*calibration, *alignment, *(COST_HEADINGS if self.costs else ()))

    def further(self, row: BenchmarkRow) -> tuple[str, ...]:
        """A row's cells below `further_headings`, as they are printed."""
        nothing = ("",) * len(COST_HEADINGS)
        difference, costs = self.differences.get(row.method, ""), self.costs.get(row.method)
        if row.published:
            difference, costs = "", None
        return (
            *((difference,) if self.against else ()),
            *(self._shown_calibration(row) if self.shows_calibration else ()),
            *(self._shown_alignment(row) if self.alignment else ()),
            *((costs or nothing) if self.costs else ()),
        )

    def calibration_of(self, row: BenchmarkRow) -> tuple[float | None, float | None]:
        """Expected calibration error before and after; None of published numbers and oracles."""
        return (None, None) if row.published else self.calibration.get(row.method, (None, None))

    def alignment_of(self, row: BenchmarkRow) -> tuple[float | None, float | None]:
        """Accuracy on aligned images and on the others; None of published numbers."""
        return (None, None) if row.published else self.alignment.get(row.method, (None, None))

    def _shown_alignment(self, row: BenchmarkRow) -> tuple[str, ...]:
        return tuple("" if a is None else f"{100 * a:.1f}" for a in self.alignment_of(row))

    def _shown_calibration(self, row: BenchmarkRow) -> tuple[str, ...]:
        return tuple("" if e is None else f"{100 * e:.1f}" for e in self.calibration_of(row))

    def to_rich(self) -> Table:
        """For the terminal; the best of each column in bold."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
        table.add_column("method", no_wrap=True)
        for column in self.columns:
            table.add_column(Text(column), justify="right", overflow="fold")
        for heading in self.further_headings:
            table.add_column(Text(heading), justify="right", overflow="fold")
        for position, row in enumerate(self.rows):
            if position and row.competes != self.rows[position - 1].competes:
                table.add_section()
            cells: list[RenderableType] = []
            for column in self.columns:
                bold = self.is_place(row, column, 0)
                cells.append(Text(self.shown(row, column), style="bold" if bold else ""))
            cells += self.further(row)
            table.add_row(Text(row.label, style="" if row.competes else "dim"), *cells)
        return table

    def notes(self) -> list[str]:
        """The caption, and what the star means where there is one."""
        star = [f"* {ORACLE_NOTE}."] if any(row.oracle for row in self.rows) else []
        dagger = [BATCH_NOTE] if any(row.batch for row in self.rows) else []
        return [*star, *dagger, *self.caption]

    def to_markdown(self) -> str:
        """The same table for a README or an issue."""
        headings = [*self.columns, *self.further_headings]
        lines = ["| method | " + " | ".join(map(_escape, headings)) + " |"]
        lines.append("|---|" + "---:|" * len(headings))
        for row in self.rows:
            cells = []
            for column in self.columns:
                text = self.shown(row, column)
                cells.append(f"**{text}**" if self.is_place(row, column, 0) else text)
            cells += self.further(row)
            lines.append(f"| {_escape(row.label)} | " + " | ".join(cells) + " |")
        notes = [_escape(note) for note in self.notes()]
        return "\n".join([*lines, "", "\n\n".join(notes), ""])

    def to_json(self) -> dict[str, Any]:
        """Means and standard deviations from 0 to 1."""

        def plain(row: BenchmarkRow, column: str) -> dict[str, Any] | None:
            cell = row.cells.get(column)
            if cell is None:
                return None
            found = {"mean": cell.mean, "std": cell.std, "seeds": cell.seeds}
            expected = None if row.published else self.expected.get((row.method, column))
            if expected is not None:
                found |= {"published": expected.value, "inside": expected.inside}
            return found

        return {
            "targets": list(self.targets),
            "rows": [
                {
                    "method": row.method,
                    "oracle": row.oracle,
                    "published": row.published,
                    "targets": {target: plain(row, target) for target in self.targets},
                    AVERAGE: plain(row, AVERAGE),
                    **dict(zip(("ece", "calibrated_ece"), self.calibration_of(row), strict=True)),
                    **(
                        dict(zip(("aligned", "misaligned"), self.alignment_of(row), strict=True))
                        if self.alignment
                        else {}
                    ),
                }
                for row in self.rows
            ],
            "caption": self.notes(),
        }


def _row(method: str, lines: Sequence[Mapping[str, Any]], targets: Sequence[str]) -> BenchmarkRow:
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


def shown(cell: Cell | None) -> str:
    """A cell as it is printed."""
    return "–" if cell is None else str(cell)


def _escape(text: str) -> str:
    for sign in "\\|*_`<":
        text = text.replace(sign, "\\" + sign)
    return text
