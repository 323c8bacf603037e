from __future__ import annotations

import statistics

import pytest

from ldpf.report.tables.benchmark_rows import AVERAGE, Cell, row_of


def test_a_cell_is_mean_and_sample_deviation_in_percent():
    cell = Cell.of([0.60, 0.62])
    assert cell is not None
    assert cell.mean == pytest.approx(0.61)
    assert cell.std == pytest.approx(statistics.stdev([0.60, 0.62]))
    assert str(cell) == "61.0 ± 1.4"


def test_without_an_accuracy_there_is_no_cell():
    assert Cell.of([]) is None


def test_a_row_has_a_cell_for_each_target_and_the_average():
    lines = [
        {"method": "coop", "target": target, "seed": 0, "accuracy": accuracy, "oracle": False}
        for target, accuracy in (("art", 0.5), ("night", 0.7))
    ]
    row = row_of("coop", lines, ["art", "night"])
    assert {name: str(cell) for name, cell in row.cells.items()} == {
        "art": "50.0",
        "night": "70.0",
        AVERAGE: "60.0",
    }
