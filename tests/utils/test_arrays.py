"""Anything with a length, and tables of numbers as image features."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ldpf.errors import DataError
from ldpf.utils.arrays import as_sequence, unit_rows


def test_a_sequence_stays_the_one_it_is():
    for inputs in (["a.png"], np.ones((2, 3))):
        assert as_sequence(inputs) is inputs


def test_a_tensor_becomes_an_array():
    assert np.array_equal(as_sequence(torch.ones(2, 3, dtype=torch.float16)), np.ones((2, 3)))


def test_one_input_is_refused_with_how_to_give_it():
    with pytest.raises(DataError) as caught:
        as_sequence("a.png")
    assert str(caught.value) == "A single str was given; give a list, even of one: ['a.png']."


def test_rows_have_length_one_and_keep_their_direction():
    rows = unit_rows(np.array([[3, 4], [0, -2]]))
    assert torch.equal(rows, torch.tensor([[0.6, 0.8], [0.0, -1.0]]))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300, 0.0])
def test_a_row_without_a_direction_is_named(value):
    with pytest.raises(DataError) as caught:
        unit_rows(np.array([[1.0, 0.0], [value, 0.0]]))
    assert str(caught.value) == (
        "Feature row 1 holds NaN or infinite values, or zeros only (1 such rows); an image feature "
        "is finite and not zero."
    )
