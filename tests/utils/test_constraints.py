from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from ldpf.errors import SettingsError
from ldpf.utils.constraints import (
    Each,
    Either,
    Number,
    OneOf,
    Whole,
    check_fields,
    check_value,
    constraint,
)


@dataclass(frozen=True)
class Part:
    tau: float = field(default=0.1, metadata=constraint(Number(above=0, float32=True)))
    rounds: int | None = field(default=None, metadata=constraint(Whole(at_least=1), none=True))
    space: str = field(default="sphere", metadata=constraint(OneOf(("sphere", "plane"))))
    free: str = ""

    def __post_init__(self) -> None:
        check_fields(self)


@pytest.mark.parametrize(
    ("allowed", "value"),
    [
        (Number(), -1e300),
        (Number(), 3),
        (Number(), np.float32(0.5)),
        (Number(at_least=0), 0.0),
        (Number(at_most=1), 1),
        (Number(above=0, below=1), 0.5),
        (Number(float32=True), 0.0),
        (Number(above=0, float32=True), 1.2e-38),  # the smallest normal number
        (Whole(at_least=1), 1),
        (Whole(at_least=1), np.int64(1)),
        (OneOf(["a", "b"]), "b"),
        (OneOf({"a": 1}), "a"),
        (Each(Number(above=0)), (1, 0.5)),
        (Each(Number(above=0)), [1]),
    ],
    ids=str,
)
def test_allowed_values_pass(allowed, value):
    assert check_value("x", value, allowed) is None


@pytest.mark.parametrize(
    ("allowed", "value"),
    [
        (Number(), float("nan")),
        (Number(), float("inf")),
        (Number(), True),
        (Number(), "1"),
        (Number(), None),
        (Number(at_least=0), -1e-9),
        (Number(above=0), 0),
        (Number(at_most=1), 1.1),
        (Number(below=1), 1),
        (Number(float32=True), 1e39),
        (Number(above=0, float32=True), 1e-46),
        (Whole(), 1.0),
        (Whole(), True),
        (Whole(at_least=1), 0),
        (OneOf(["a", "b"]), "c"),
        (OneOf(["a", "b"]), None),
        (OneOf(["a", "b"]), ["a"]),
        (Each(Number(above=0)), ()),
        (Each(Number(above=0)), (1, 0)),
        (Each(Number(above=0)), 1),
        (Each(OneOf("ab")), "ab"),
    ],
    ids=str,
)
def test_other_values_are_refused(allowed, value):
    with pytest.raises(SettingsError) as caught:
        check_value("x", value, allowed)
    assert f"x={value!r}" in str(caught.value)
    assert str(allowed) in str(caught.value)


@pytest.mark.parametrize(
    ("allowed", "words"),
    [
        (Number(above=0, below=1), "a finite number above 0 and below 1"),
        (Number(at_least=0.5, float32=True), "a finite number of at least 0.5 that float32 can "),
        (Whole(at_least=1, at_most=9), "a whole number from 1 to 9"),
        (OneOf(("x", "y")), "one of x, y"),
        (Each(Whole()), "a list with at least one entry, each a whole number"),
    ],
    ids=str,
)
def test_the_range_is_said_in_words(allowed, words):
    assert str(allowed).startswith(words)


def test_a_part_checks_its_fields_when_it_is_made_and_changed():
    part = Part(tau=1.0, rounds=3)
    with pytest.raises(SettingsError, match="rounds=0 should be a whole number of at least 1, or"):
        Part(rounds=0)
    with pytest.raises(SettingsError, match="tau=0 should be"):
        replace(part, tau=0)


def test_none_is_refused_where_it_is_not_said():
    with pytest.raises(SettingsError, match="tau=None"):
        Part(tau=None)  # type: ignore[arg-type]


def test_a_name_that_is_nearly_right_is_suggested():
    with pytest.raises(SettingsError, match=r"one of sphere, plane\. Did you mean 'plane'\?"):
        Part(space="plan")


def test_fields_without_a_constraint_take_anything():
    assert Part(free=7).free == 7  # type: ignore[arg-type]


def test_subclasses_check_their_own_fields_too():
    @dataclass(frozen=True)
    class More(Part):
        n: int = field(default=1, metadata=constraint(Whole(at_least=1)))

    with pytest.raises(SettingsError, match="n=0"):
        More(n=0)
    with pytest.raises(SettingsError, match="tau=-1"):
        More(tau=-1)


def test_either_allows_what_one_of_two_allows_and_names_both() -> None:
    allowed = Either(Whole(at_least=1), OneOf(("elbow", "gap")))
    assert [allowed.allows(value) for value in (1, "gap", 0, "gapp", None)] == [
        *(True, True),
        *(False, False, False),
    ]
    with pytest.raises(
        SettingsError, match=r"n='gapp' should be .* at least 1, or one of elbow, gap"
    ):
        check_value("n", "gapp", allowed)


def test_all_that_is_said_in_one_view(golden):
    cases = [
        (Number(), float("nan")),
        (Number(), "1"),
        (Number(at_least=0), -0.5),
        (Number(above=0), 0),
        (Number(at_least=0, at_most=1), 1.5),
        (Number(float32=True), 1e39),
        (Whole(at_least=1), 0),
        (Whole(), 1.5),
        (OneOf(["steady", "fast"]), "fsat"),
        (Each(Number(above=0)), (1, -2)),
    ]
    sentences = []
    for allowed, value in cases:
        with pytest.raises(SettingsError) as caught:
            check_value("setting", value, allowed)
        sentences.append(str(caught.value))
    golden(sentences)
