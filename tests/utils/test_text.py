from __future__ import annotations

import pytest

from ldpf.utils.text import count, did_you_mean, normalize, some


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
