from __future__ import annotations

import json

import pytest

from ldpf.errors import ModelError
from ldpf.utils.constraints import Either, Flag, Number, OrNone, Text, Whole
from ldpf.utils.json_files import read_json
from ldpf.utils.schema import ListOf, Record, check_content, first_problem

MODEL = Record(
    {"name": Text(), "sizes": ListOf(Whole(at_least=1), at_least=1)},
    {"backbone": Record({"dim": Whole(at_least=1)}), "score": OrNone(Number(at_most=1))},
)
GOOD = {"name": "a", "sizes": [1, 2], "backbone": {"dim": 3}, "score": None, "more": [{}]}


def test_what_fits_has_no_problem():
    assert first_problem("", GOOD, MODEL) is None
    assert MODEL.allows(GOOD) and not MODEL.allows([])
    check_content(GOOD, MODEL)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": 3}, "name is 3, and should be a text that is not empty"),
        ({"name": ""}, "name is '', and should be a text that is not empty"),
        ({"sizes": []}, "sizes is [], and should be a list with 1 entries or more"),
        ({"sizes": {"a": 1}}, "sizes is {'a': 1}, and should be a list with 1 entries or more"),
        ({"sizes": [1, True]}, "sizes[1] is True, and should be a whole number of at least 1"),
        ({"sizes": [10**400, 0]}, "sizes[0] is 1000000"),
        ({"backbone": None}, "backbone is None, and should be an object with named fields"),
        ({"backbone": {}}, "backbone lacks dim"),
        ({"backbone": {"dim": 1.0}}, "backbone.dim is 1.0, and should be a whole number"),
        ({"score": 7}, "score is 7, and should be a finite number of at most 1"),
    ],
)
def test_the_first_problem_names_its_field(change, problem):
    found = first_problem("", {**GOOD, **change}, MODEL)
    assert found is not None and found.startswith(problem) and len(found) < 200
    with pytest.raises(ValueError):
        check_content({**GOOD, **change}, MODEL)


def test_fields_of_other_names_can_be_limited():
    assert first_problem("versions", {"a": 1}, Record(others=Text())) == (
        "versions.a is 1, and should be a text that is not empty"
    )
    assert first_problem("on", {"a": True}, Record(others=Flag())) is None


def test_a_file_that_does_not_fit_is_refused_with_the_field(tmp_path):
    file = tmp_path / "a.json"
    file.write_text(json.dumps({**GOOD, "score": 7}))
    with pytest.raises(ModelError) as caught:
        read_json(file, "the model", "train again", error=ModelError, schema=MODEL)
    assert str(caught.value) == (
        f"Cannot read the model in {str(file)!r} (score is 7, and should be a finite number of at "
        "most 1); train again."
    )


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    file = tmp_path / "a.json"
    with file.open("wb") as stream:
        stream.truncate(10**12)
    with pytest.raises(ModelError, match="it holds 1,000,000 MB, and should hold 64"):
        read_json(file, "the model", "train again", error=ModelError)


def test_of_two_schemas_that_of_the_same_type_names_the_field():
    side = Whole(at_least=1, at_most=10)
    sizes = Either(Either(side, ListOf(side)), Record(others=side))
    assert first_problem("size", [2, 11], sizes) == (
        "size[1] is 11, and should be a whole number from 1 to 10"
    )
    assert first_problem("size", {"height": 0}, sizes) == (
        "size.height is 0, and should be a whole number from 1 to 10"
    )
    assert first_problem("size", "x", sizes) is not None
    assert first_problem("size", {"height": 3}, sizes) is None
