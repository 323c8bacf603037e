"""What a table says of the machines that its lines come from."""

from __future__ import annotations

from ldpf.report.tables.computed_alike import alike_words


def line(method: str, target: str = "art", seed: int = 0, **more: str) -> dict:
    return {"method": method, "target": target, "seed": seed, **more}


def test_lines_of_one_machine():
    lines = [line("coop", numerics="aa11"), line("ldpf", numerics="aa11")]
    assert alike_words(lines) == ["All lines were computed alike (numeric fingerprint aa11)."]


def test_lines_of_several_machines_are_named_the_most_first():
    lines = [
        line("coop", numerics="bb22"),
        line("coop", "photo", numerics="aa11"),
        line("ldpf", "photo", 1, numerics="aa11"),
        line("gda"),
    ]
    (said,) = alike_words(lines)
    assert said.endswith(
        "rounding alone: aa11: 2 lines (coop, ldpf on photo seed 0, 1); "
        "bb22: 1 line (coop on art seed 0); unknown: 1 line (gda on art seed 0)."
    )


def test_nothing_is_said_of_results_of_earlier_versions():
    assert alike_words([line("coop"), line("ldpf")]) == []
