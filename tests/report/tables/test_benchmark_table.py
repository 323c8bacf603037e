from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from ldpf.report.tables.benchmark_rows import AVERAGE
from ldpf.report.tables.benchmark_table import BenchmarkTable


def line(method: str, target: str, seed: int, accuracy: float) -> dict[str, Any]:
    oracle = method.endswith("oracle")
    return {
        "method": method,
        "target": target,
        "seed": seed,
        "accuracy": accuracy,
        "oracle": oracle,
    }


LINES = [
    line("ldpf-oracle", "art", 0, 0.9),
    line("ldpf-oracle", "art", 1, 0.9),
    line("ldpf-oracle", "night", 0, 0.8),
    line("ldpf-oracle", "night", 1, 0.8),
    line("coop", "art", 0, 0.60),
    line("coop", "art", 1, 0.62),
    line("coop", "night", 0, 0.40),
    line("coop", "night", 1, 0.38),
    line("ldpf", "art", 0, 0.70),
    line("ldpf", "art", 1, 0.70),
    line("ldpf", "night", 0, 0.39),
    line("ldpf", "night", 1, 0.39),
]
TABLE = BenchmarkTable.from_results(
    LINES, ["ldpf-oracle", "coop", "ldpf"], ["art", "night"], ["A caption."]
)


def rendered(table: Any, width: int = 200) -> str:
    console = Console(width=width, force_terminal=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def cells(text: str, row: str) -> list[str]:
    found = next(one for one in text.splitlines() if one.strip().startswith(row))
    return [cell for cell in found.strip().split("  ") if cell]


def test_the_average_column_deviates_as_the_averages_over_targets_do():
    cell = TABLE.rows[0].cells[AVERAGE]
    assert cell is not None
    # 0.5 for both seeds: the targets' deviations cancel, and a mean of deviations would not see it.
    assert (cell.mean, cell.std) == (pytest.approx(0.5), pytest.approx(0.0))


def test_oracles_stand_last_and_never_count_as_best():
    assert [row.method for row in TABLE.rows] == ["coop", "ldpf", "ldpf-oracle"]
    assert TABLE.ranked("art") == ["70.0", "61.0"]
    assert not TABLE.is_place(TABLE.rows[-1], "art", 0)


def test_answers_that_depend_on_the_batch_are_marked_and_never_count_as_best():
    batch = [{**one, "method": "dpl-batch", "accuracy": 0.99} for one in LINES[-2:]]
    lines = [*({**one, "per_image": False} for one in batch), *LINES]
    table = BenchmarkTable.from_results(lines, ["dpl-batch", "coop", "ldpf"], ["art", "night"])
    assert [row.label for row in table.rows] == ["coop", "ldpf", "dpl-batch †"]
    assert not table.is_place(table.rows[-1], "night", 0)
    assert table.notes()[0].startswith("† answers depend on all test images given together")


def test_the_terminal_shows_every_method_and_marks_the_oracle():
    text = rendered(TABLE.to_rich())
    assert text.split("\n")[1].split() == ["method", "art", "night", "average"]
    assert [cell.strip() for cell in cells(text, "ldpf ")] == [
        "ldpf",
        "70.0 ± 0.0",
        "39.0 ± 0.0",
        "54.5 ± 0.0",
    ]
    assert "ldpf-oracle *" in text
    assert TABLE.notes() == [
        "* needs the true labels: an upper bound, not a method.",
        "A caption.",
    ]


def test_markdown_holds_the_best_of_each_column_in_bold():
    lines = TABLE.to_markdown().splitlines()
    assert lines[0] == "| method | art | night | average |"
    assert lines[1] == "|---|---:|---:|---:|"
    # 39.0 both: a tie as printed is a tie.
    assert lines[2] == "| coop | 61.0 ± 1.4 | **39.0 ± 1.4** | 50.0 ± 0.0 |"
    assert lines[3] == "| ldpf | **70.0 ± 0.0** | **39.0 ± 0.0** | **54.5 ± 0.0** |"
    assert lines[4] == "| ldpf-oracle \\* | 90.0 ± 0.0 | 80.0 ± 0.0 | 85.0 ± 0.0 |"
    assert lines[-1] == "A caption."


def test_names_cannot_break_the_markdown_table():
    table = BenchmarkTable.from_results([line("coop", "a|b_c", 0, 0.5)], ["coop"], ["a|b_c"])
    assert table.to_markdown().splitlines()[0] == "| method | a\\|b\\_c |"


def test_one_seed_has_no_deviation():
    table = BenchmarkTable.from_results(LINES[4:5], ["coop"], ["art"])
    assert str(table.rows[0].cells["art"]) == "60.0"


def test_one_target_needs_no_average():
    assert BenchmarkTable.from_results(LINES, ["coop"], ["art"]).columns == ("art",)


def test_what_did_not_finish_is_a_dash_and_leaves_no_average():
    lines = [one for one in LINES if (one["method"], one["target"]) != ("coop", "night")]
    table = BenchmarkTable.from_results(lines, ["coop", "ldpf"], ["art", "night"])
    assert "| coop | 61.0 ± 1.4 | – | – |" in table.to_markdown()


def test_the_average_uses_only_seeds_with_every_target():
    lines = [one for one in LINES if (one["target"], one["seed"]) != ("night", 1)]
    table = BenchmarkTable.from_results(lines, ["coop"], ["art", "night"])
    average = table.rows[0].cells[AVERAGE]
    assert average is not None
    assert (average.mean, average.std, average.seeds) == (pytest.approx(0.5), None, 1)


def test_json_has_numbers_from_zero_to_one():
    plain = TABLE.to_json()
    assert plain["targets"] == ["art", "night"]
    coop = plain["rows"][0]
    assert (coop["method"], coop["oracle"]) == ("coop", False)
    assert coop["targets"]["night"] == {
        "mean": pytest.approx(0.39),
        "std": pytest.approx(0.0141, abs=1e-4),
        "seeds": 2,
    }
    assert coop["average"]["mean"] == pytest.approx(0.5)


def test_names_in_brackets_are_no_markup():
    table = BenchmarkTable.from_results([line("coop", "[red]x", 0, 0.5)], ["coop"], ["[red]x"])
    assert "[red]x" in rendered(table.to_rich())
