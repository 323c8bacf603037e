"""Each sign shows in the data made for it and stays silent in the others."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ldpf.doctor import SIGNS, Case, Status, examine

SOURCE = Path(__file__).parents[2] / "benchmarks" / "doctor_cases.py"


def names() -> list[str]:
    """The names of the cases, without importing what makes them."""
    for node in ast.parse(SOURCE.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "CASES":
            assert isinstance(node.value, ast.Dict)
            return [ast.literal_eval(key) for key in node.value.keys if key is not None]
    raise AssertionError("no CASES")


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_the_signs_a_case_was_made_for_show_and_no_others(made_cases, name):
    make, expected = made_cases.CASES[name]
    findings = examine(make(0))
    assert {one.sign for one in findings if one.shows} == expected
    for one in findings:
        if one.shows:
            assert one.meaning and one.next_step.startswith("ldpf ")


def test_every_sign_has_a_case_of_its_own(made_cases):
    expected = [signs for _, signs in made_cases.CASES.values()]
    assert set().union(*expected) == set(SIGNS)


@pytest.mark.slow
def test_everything_is_measured_in_the_healthy_case(made_cases):
    healthy, _ = made_cases.CASES["healthy"]
    assert {one.status for one in examine(healthy(0))} == {Status.FINE}


@pytest.mark.slow
def test_all_that_is_said_in_one_view(made_cases, linear, golden):
    sentences = [str(one.words) for one in examine(Case(linear(3, 16)))]
    for make, expected in made_cases.CASES.values():
        for one in examine(make(0), sorted(expected)):
            sentences.append(f"{one.title}, {one.shown_threshold}: {one.words}")
            sentences += [one.meaning, one.next_step, *one.details[:1]]
    golden(list(dict.fromkeys(sentences)), numbers=False)
