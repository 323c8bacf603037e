"""Accuracy per target, and whether it differs from zero-shot and CoOp."""

from __future__ import annotations

from ldpf.evaluation.bootstrap import Comparison, compare
from ldpf.inspection.thumbnails import figure_uri
from ldpf.report.blocks import Best, Block, Picture, Table, Text
from ldpf.report.findings import Findings
from ldpf.report.plots.maps import difference_figure
from ldpf.report.sections.base import SECTIONS
from ldpf.report.tables.benchmark_rows import AVERAGE
from ldpf.report.tables.benchmark_table import BenchmarkTable, shown
from ldpf.report.tables.comparisons import comparison_words
from ldpf.report.terms import method_in_words

BASES = ("zero-shot", "coop")
"""What the main method is compared with, where it is there."""


@SECTIONS.register("accuracy", title="Accuracy", order=20)
def accuracy_section(found: Findings) -> list[Block]:
    """The table of all methods, and differences with intervals."""
    blocks: list[Block] = []
    if found.table is None:
        blocks.append(Text(found.no_answers, "note"))
        return blocks
    blocks += [Text(sentence, "note") for sentence in found.notes]
    blocks.append(_table(found.table))
    in_words = [
        (name, said)
        for name in dict.fromkeys(row.method for row in found.table.rows)
        if (said := method_in_words(name))
    ]
    if in_words:
        blocks.append(Table("The methods in words", ("method", "what it is"), in_words, wordy=True))
    differences = compared(found)
    if differences:
        blocks += _differences(found, differences)
    return blocks


def compared(found: Findings) -> dict[str, dict[str, Comparison]]:
    """The main method against each base, by target and on average over all targets."""
    own, result = found.right(found.main), {}
    for base in BASES:
        other = found.right(base)
        if base == found.main or not other:
            continue
        rows = {target: compare(own, other, [target]) for target in found.targets}
        if len(found.targets) > 1:
            rows[AVERAGE] = compare(own, other, found.targets)
        if all(rows.values()):
            result[base] = rows
    return result


def verdict(difference: Comparison) -> str:
    """A difference in two words."""
    if not difference.clear:
        return "no clear difference"
    return "better" if difference.difference > 0 else "worse"


def _table(table: BenchmarkTable) -> Table:
    rows = []
    for row in table.rows:
        cells = [shown(row.cells.get(column)) for column in table.columns]
        marked = [
            Best(cell) if table.is_place(row, column, 0) else cell
            for cell, column in zip(cells, table.columns, strict=True)
        ]
        rows.append((row.label, *marked))
    return Table(" ".join([*table.caption, *_stars(table)]), ("method", *table.columns), rows)


def _stars(table: BenchmarkTable) -> list[str]:
    notes = [note for note in table.notes() if note not in table.caption]
    return [*notes, "Bold: the highest of a column."]


def _differences(found: Findings, differences: dict[str, dict[str, Comparison]]) -> list[Block]:
    main, bases = found.main, list(differences)
    seeds = len(found.seeds)
    chance = (
        "With one seed the interval says how much depends on which images were tested, and nothing "
        "of how much depends on the random start of a training."
        if seeds == 1
        else "With few seeds the interval understates how much the random start matters."
    )
    caption = (
        f"{main} minus each, in percentage points, with the 95% interval of a paired bootstrap "
        f"over test images and seeds ({seeds}). {chance}"
    )
    rows = []
    for target in differences[bases[0]]:
        cells = []
        for base in bases:
            one = differences[base][target]
            cells += [comparison_words(one), verdict(one)]
        rows.append((target, *cells))
    headings = ["target", *(h for base in bases for h in (f"against {base}", "in words"))]
    told = "; ".join(
        f"on {target} against {base}: {comparison_words(one)}, {verdict(one)}"
        for base, by_target in differences.items()
        for target, one in by_target.items()
    )
    return [
        Picture(
            figure_uri(lambda: difference_figure(differences, main)),
            f"{main} compared: {told}.",
            "Right of the line: better. Where the whisker crosses the line, these images do not "
            "tell the two apart.",
        ),
        Table(caption, headings, rows, words=range(2, len(headings), 2)),
    ]
