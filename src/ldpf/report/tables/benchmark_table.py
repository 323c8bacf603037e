"""Tables of accuracies and of latent domains, for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from ldpf.report.tables.benchmark_rows import AVERAGE, BenchmarkRow, Cell, Expected, row_of
from ldpf.utils.text import one_line

if TYPE_CHECKING:
    from rich.console import RenderableType

ORACLE_NOTE = "needs the true labels: an upper bound, not a method"
COST_HEADINGS = ("seconds a run", "text passes", "peak MiB")
CALIBRATION_HEADINGS = ("ECE", "calibrated ECE")
ALIGNMENT_HEADINGS = ("aligned", "not aligned")
BATCH_NOTE = (
    "† answers depend on all test images given together, so the target domain is seen, without "
    "labels: not to be compared with answers to single images."
)


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
        rows = [row_of(method, lines, targets) for method in methods]
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


def shown(cell: Cell | None) -> str:
    """A cell as it is printed."""
    return "–" if cell is None else str(cell)


def _escape(text: str) -> str:
    text = one_line(text)
    for sign in "\\|*_`<":
        text = text.replace(sign, "\\" + sign)
    return text
