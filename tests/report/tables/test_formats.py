from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from ldpf.report.tables.benchmark_rows import AVERAGE, BenchmarkRow, Cell
from ldpf.report.tables.benchmark_table import BenchmarkTable
from ldpf.report.tables.formats import escape, to_csv, to_latex
from ldpf.utils.text import printable


def row(method, one, two, **marks):
    cells = {
        "art_painting": Cell(one, 0.012, 3),
        "photo": None if two is None else Cell(two, None, 1),
        AVERAGE: Cell(one, None, 3),
    }
    return BenchmarkRow(method, marks.pop("oracle", False), cells, **marks)


TABLE = BenchmarkTable(
    rows=(
        row("coop", 0.6, 0.9),
        row("ldpf", 0.7, 0.8),
        row("gda", 0.5, None),
        row("ldpf-oracle", 0.95, 0.99, oracle=True),
        row("SPG", 0.97, 0.98, published=True),
    ),
    targets=("art_painting", "photo"),
    caption=("100% on PACS.",),
)


def latex_cells(method):
    line = next(x for x in to_latex(TABLE).splitlines() if x.startswith(f"{method} &"))
    return line.removesuffix(r" \\").split(" & ")[1:]


def test_latex_has_the_best_in_bold_and_the_second_underlined():
    assert latex_cells("ldpf")[:2] == [r"\textbf{70.0 $\pm$ 1.2}", r"\underline{80.0}"]
    assert latex_cells("coop")[:2] == [r"\underline{60.0 $\pm$ 1.2}", r"\textbf{90.0}"]


def test_latex_has_a_dash_where_nothing_was_measured():
    assert latex_cells("gda")[1] == "--"


@pytest.mark.parametrize("method", ["ldpf-oracle *", "SPG (published)"])
def test_bounds_and_published_numbers_do_not_compete(method):
    assert latex_cells(method)[0] in (r"95.0 $\pm$ 1.2", r"97.0 $\pm$ 1.2")


def test_latex_is_a_whole_tabular_with_booktabs_rules():
    text = to_latex(TABLE)
    places = [text.index(x) for x in (r"\begin{tabular}{lccc}", r"\toprule", r"\midrule")]
    assert places == sorted(places)
    assert text.index(r"\bottomrule") < text.index(r"\end{tabular}")
    assert r"art\_painting" in text
    body = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
    assert {line.count(" & ") for line in body.splitlines() if line.endswith(r"\\")} == {3}


def test_latex_signs_are_escaped():
    assert escape("a_b & 5% ~ x^2 {y} $ # \\") == (
        r"a\_b \& 5\% \textasciitilde{} x\textasciicircum{}2 \{y\} \$ \# \textbackslash{}"
    )


def test_differences_are_a_column_of_their_own():
    table = replace(TABLE, against="coop", differences={"ldpf": "+10.0 [8.0, 12.0]"})
    text = to_latex(table)
    assert r"vs coop (95\% interval)" in text
    assert "+10.0 [8.0, 12.0]" in next(x for x in text.splitlines() if x.startswith("ldpf &"))
    assert "+10.0 [8.0, 12.0] |" in table.to_markdown()


def test_csv_has_a_row_per_method_and_column():
    rows = list(csv.DictReader(io.StringIO(to_csv(TABLE))))
    assert len(rows) == 5 * 3 - 1
    assert rows[0] == {
        "method": "coop",
        "target": "art_painting",
        "accuracy": "0.600000",
        "std": "0.012000",
        "seeds": "3",
        "oracle": "false",
        "published": "false",
    }
    assert [r["published"] for r in rows[-3:]] == ["true"] * 3
    assert rows[-1]["seeds"] == ""


def test_costs_are_columns_of_their_own_in_every_format():
    table = replace(TABLE, costs={"coop": ("9.3", "1,161", "601"), "SPG": ("1.0", "1", "1")})
    for text in (to_latex(table), table.to_markdown()):
        lines = text.splitlines()
        assert any("seconds a run" in line and "peak MiB" in line for line in lines)
        coop = next(line for line in lines if line.lstrip("| ").startswith("coop"))
        assert "9.3" in coop and "1,161" in coop and "601" in coop
        assert "1.0" not in next(line for line in lines if "SPG" in line)  # not measured here
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert {row["seconds a run"] for row in rows if row["method"] == "coop"} == {"9.3"}
    assert "seconds a run" not in to_csv(TABLE) + to_latex(TABLE) + TABLE.to_markdown()


def test_calibration_stands_before_the_costs_where_it_is_shown():
    table = replace(
        TABLE,
        costs={"coop": ("9.3", "1,161", "601")},
        calibration={"coop": (0.123, None)},
        shows_calibration=True,
    )
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    coop = next(row for row in rows if row["method"] == "coop")
    assert (coop["ECE"], coop["calibrated ECE"], coop["seconds a run"]) == ("12.3", "", "9.3")
    hidden = replace(table, shows_calibration=False)
    assert "ECE" not in to_csv(hidden) and "seconds a run" in to_csv(hidden)
    (known,) = (row for row in hidden.to_json()["rows"] if row["method"] == "coop")
    assert (known["ece"], known["calibrated_ece"]) == (0.123, None)


def test_no_cell_of_csv_is_a_formula():
    cells = {name: Cell(0.5, None, 1) for name in ("=cmd|calc!A0", "@SUM(1)", "plain")}
    table = BenchmarkTable(rows=(BenchmarkRow("+1", False, cells),), targets=tuple(cells))
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert [r["target"] for r in rows] == ["'=cmd|calc!A0", "'@SUM(1)", "plain"]
    assert {r["method"] for r in rows} == {"'+1"}


def test_no_format_has_signs_that_a_terminal_obeys():
    cells = {name: Cell(0.5, None, 1) for name in ("red\x1b[31m", "\u202etxt", "two\nlines")}
    table = BenchmarkTable(rows=(BenchmarkRow("a\x9bb", False, cells),), targets=tuple(cells))
    for text in (table.to_markdown(), to_latex(table)):
        assert printable(text) == text
        assert all(name in text.replace("\\textbackslash{}", "\\") for name in ("x1b", "u202e"))
        assert "two\nlines" not in text
