from __future__ import annotations

import json
from pathlib import Path

import pytest

from ldpf.utils.text import (
    count,
    did_you_mean,
    json_printable,
    normalize,
    one_line,
    printable,
    shortened,
    some,
    some_names,
    without_formula,
)


def test_a_short_list_is_given_whole():
    assert some(["a", "b"], limit=2) == "a, b"


def test_of_a_long_list_the_first_are_given_and_the_rest_counted():
    assert some([f"x{i}" for i in range(2003)], limit=3) == "x0, x1, x2 and 2,000 more"


def test_numbers_are_listed_too():
    assert some([1, 2, 3], limit=2) == "1, 2 and 1 more"


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 images"), (1, "1 image"), (2400, "2,400 images")]
)
def test_one_is_counted_in_the_singular(number, words):
    assert count(number, "image") == words


def test_an_odd_plural_is_used():
    assert count(2, "class", "classes") == "2 classes"


def test_the_nearest_names_are_suggested_whatever_their_case():
    assert did_you_mean("PHOTTO", ["photo", "sketch"]) == " Did you mean 'photo'?"


def test_nothing_is_suggested_where_nothing_is_near():
    assert did_you_mean("xyz", ["photo", "sketch"]) == ""


def test_composed_and_decomposed_letters_become_the_same():
    assert normalize("cafe\u0301") == normalize("caf\u00e9")


def test_control_characters_are_shown_and_not_obeyed():
    assert printable("a\x1b[2Jb\r\x9bc\u202ed\x00") == "a\\x1b[2Jb\\r\\x9bc\\u202ed\\x00"


@pytest.mark.parametrize("text", ["two\nlines\tand a tab", "Zoë, 東京, 👩\u200d🚒", ""])
def test_printable_text_stays_as_it_is(text):
    assert printable(text) == text


def test_a_name_takes_one_line():
    assert one_line(Path("a\nError: no\t\x1b")) == "a\\nError: no\\t\\x1b"


def test_a_json_document_means_the_same_without_control_characters():
    content = {"a\x9b\u202e": ["\x7f", "\x1b\n"], "b": "Zoë"}
    document = json_printable(json.dumps(content, ensure_ascii=False, indent=2))
    assert json.loads(document) == content
    assert printable(document) == document and "Zoë" in document


def test_the_middle_of_a_long_text_is_left_out():
    assert shortened("abc", 10) == "abc"
    short = shortened("a" * 50 + "z" * 50, 20)
    assert len(short) == 20 and short.startswith("a") and " ... " in short and short.endswith("z")


def test_long_items_are_shortened():
    assert len(some_names(["a" * 500, "b"])) == 80 + len(", b")
    assert some_names(["a\n", "b"], limit=1) == "a\\n and 1 more"


@pytest.mark.parametrize("sign", [*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20"])
def test_what_a_spreadsheet_would_run_is_text(sign):
    assert without_formula(f"{sign}1") == f"'{sign}1"
    assert without_formula(f"1{sign}") == f"1{sign}"
