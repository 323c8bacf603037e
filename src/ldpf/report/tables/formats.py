"""A benchmark table for a paper: LaTeX and CSV."""

from __future__ import annotations

import csv
import io
import re

from ldpf.report.tables.benchmark_table import BenchmarkTable, shown
from ldpf.utils.text import one_line, without_formula

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
}


def to_latex(table: BenchmarkTable) -> str:
    """A `tabular` with booktabs' rules; of each column the best in bold, the second underlined."""
    headings = [*table.columns, *table.further_headings]
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{tabular}{l" + "c" * len(headings) + "}",
        r"\toprule",
        " & ".join(["method", *map(escape, headings)]) + r" \\",
        r"\midrule",
    ]
    for position, row in enumerate(table.rows):
        if position and row.competes != table.rows[position - 1].competes:
            lines.append(r"\midrule")
        cells = []
        for column in table.columns:
            text = _cell(table.shown(row, column))
            if table.is_place(row, column, 0):
                text = rf"\textbf{{{text}}}"
            elif table.is_place(row, column, 1):
                text = rf"\underline{{{text}}}"
            cells.append(text)
        cells += map(escape, table.further(row))
        lines.append(" & ".join([escape(row.label), *cells]) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*lines, *(f"% {note}" for note in table.notes()), ""])


def to_csv(table: BenchmarkTable) -> str:
    """A row per method and column: accuracies from 0 to 1; calibration and costs if it has them.

    With expected numbers, each cell has the published one and whether it is inside.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    costs = table.measured_headings
    expects = ["published_accuracy", "inside"] if table.expected else []
    headings = ["method", "target", "accuracy", "std", "seeds", "oracle", "published"]
    rows.writerow([*headings, *costs, *expects])
    for row in table.rows:
        for column in table.columns:
            cell = row.cells.get(column)
            if cell is None:
                continue
            std = "" if cell.std is None else f"{cell.std:.6f}"
            marks = [str(mark).lower() for mark in (row.oracle, row.published)]
            seeds = "" if row.published else cell.seeds
            further = table.further(row)[-len(costs) :] if costs else ()
            own = None if row.published else table.expected.get((row.method, column))
            verdict = ["", ""] if own is None else [f"{own.value:.6f}", _verdict(own.inside)]
            told = [*further, *(verdict if expects else ())]
            names = map(without_formula, (row.method, column))
            rows.writerow([*names, f"{cell.mean:.6f}", std, seeds, *marks, *told])
    return text.getvalue()


def escape(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return re.sub(r"[\\~^&%$#_{}]", lambda match: _SPECIAL[match[0]], one_line(text))


def _cell(text: str) -> str:
    return "--" if text == shown(None) else text.replace(" ± ", r" $\pm$ ")


def _verdict(inside: bool | None) -> str:
    return "" if inside is None else str(inside).lower()
