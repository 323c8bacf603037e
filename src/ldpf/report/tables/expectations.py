"""Published numbers as expectations: which of one's own cells agree with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from ldpf.report.tables.benchmark_rows import AVERAGE, Cell, Expected
from ldpf.report.tables.benchmark_table import BenchmarkTable
from ldpf.report.tables.published import (
    LDPF_FOUR,
    LDPF_FOUR_AVERAGE,
    ORACLE_GAPS,
    PROTOCOL,
    PublishedRow,
    benchmark_name,
    is_backbone,
)
from ldpf.utils.ways import setting

_LDPF, _ORACLE = "ldpf", "ldpf-oracle"
_TWO_DECIMALS = 0.00005
"""Half of the last digit of LDPF's numbers, which are printed with two decimals in percent."""


@dataclass(frozen=True)
class Expectations:
    """What was expected of a table.

    Attributes:
        cells: by method and column.
        caption: sentences for below the table.
    """

    cells: Mapping[tuple[str, str], Expected] = field(default_factory=dict)
    caption: tuple[str, ...] = ()


def expect_published(
    table: BenchmarkTable, known: Sequence[PublishedRow], benchmark: str | None
) -> Expectations:
    """Compare one's own cells with the published ones.

    Args:
        table: of one's own results, for all targets of the benchmark or some.
        known: what was published for it.
        benchmark: its name in `published.AVERAGES`; None where nothing was published.
    """
    cells: dict[tuple[str, str], Expected] = {}
    own = {row.method: row for row in table.rows}
    for row in known:
        if row.method not in own:
            continue
        values = {**row.targets, AVERAGE: row.average}
        # The published average is over all targets: over fewer it is another quantity.
        if len(table.targets) != row.n_targets:
            del values[AVERAGE]
        rounding = _TWO_DECIMALS if row.method.startswith(_LDPF) else 0.0005
        for column, value in values.items():
            cell = own[row.method].cells.get(column)
            if cell is not None:
                cells[row.method, column] = Expected.of(cell, value / 100, rounding)
    return Expectations(cells, tuple(_caption(table, cells, benchmark)))


def _caption(
    table: BenchmarkTable, cells: Mapping[tuple[str, str], Expected], benchmark: str | None
) -> list[str]:
    gap = _gap_words(table, benchmark)
    if not cells:
        return gap or ["Expected: nothing published belongs to these results."]
    inside, outside = (sum(one.inside is side for one in cells.values()) for side in (True, False))
    caption = [
        f"Expected (in brackets): the published number, inside if it lies in mean ± standard "
        f"deviation of the seeds, give or take its rounding. {inside} of {len(cells)} inside, "
        f"{outside} outside."
    ]
    if any(one.inside is None for one in cells.values()):
        caption.append(f"One seed has no spread: repeat with {setting('seeds', 3)}.")
    return caption + gap


def _gap_words(table: BenchmarkTable, benchmark: str | None) -> list[str]:
    """How far LDPF lies below its oracle, beside what was published of that."""
    published = ORACLE_GAPS.get(benchmark or "")
    rows = {row.method: row.cells.get(AVERAGE) for row in table.rows}
    low, high = rows.get(_LDPF), rows.get(_ORACLE)
    if published is None or low is None or high is None:
        return []
    return [
        f"Gap of {_LDPF} to {_ORACLE}: {100 * (high.mean - low.mean):.2f} points, published "
        f"{published:.2f}."
    ]


def with_four_average(
    tables: Sequence[tuple[str, str, str, BenchmarkTable]],
) -> list[BenchmarkTable]:
    """Add LDPF's average over four benchmarks to the last table, where all four are there.

    Args:
        tables: dataset, backbone and protocol of each table, and the table.
    """
    found: dict[str, Cell] = {}
    for dataset, backbone, protocol, table in tables:
        name = benchmark_name(dataset.removeprefix("mini-").removeprefix("mini_"))
        cell = next((row.cells.get(AVERAGE) for row in table.rows if row.method == _LDPF), None)
        comparable = protocol == PROTOCOL and is_backbone(backbone)
        if cell is not None and name in LDPF_FOUR and comparable:
            found.setdefault(name, cell)
    results = [table for *_, table in tables]
    if len(found) == len(LDPF_FOUR):
        mean = 100 * fmean(cell.mean for cell in found.values())
        sentence = (
            f"Average of {_LDPF} over {', '.join(LDPF_FOUR)}: {mean:.2f}, published "
            f"{LDPF_FOUR_AVERAGE:.2f}."
        )
        results[-1] = replace(results[-1], caption=(*results[-1].caption, sentence))
    return results
