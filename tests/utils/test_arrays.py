"""Anything with a length, and tables of numbers as image features."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ldpf.errors import DataError
from ldpf.utils import arrays
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


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_rows_of_usual_size_are_scaled_as_torch_does(dtype):
    table = (100 * np.random.default_rng(0).standard_normal((20, 8))).astype(dtype)
    reference = torch.nn.functional.normalize(torch.from_numpy(table).float(), dim=-1)
    assert torch.equal(unit_rows(table), reference)


@pytest.mark.parametrize(
    ("size", "dtype"),
    [
        (1e-20, np.float32),
        (1e-44, np.float32),
        (1e30, np.float32),
        (1e-300, np.float64),
        (1e300, np.float64),
    ],
)
def test_rows_of_any_finite_size_keep_their_direction(size, dtype):
    rows = unit_rows(np.array([[3, 4], [0, -2]]).astype(dtype) * dtype(size))
    # At 1e-44 float32 itself has few digits left: the lengths hold, the direction coarsely.
    tolerance = 0.1 if size == 1e-44 else 1e-6
    assert torch.allclose(rows, torch.tensor([[0.6, 0.8], [0.0, -1.0]]), atol=tolerance)
    assert torch.allclose(rows.norm(dim=1), torch.ones(2))


@pytest.mark.parametrize(
    ("value", "seen"),
    [(np.nan, "nan in column 0"), (-np.inf, "-inf in column 0"), (0.0, "zeros only")],
)
def test_a_row_without_a_direction_is_named(value, seen):
    with pytest.raises(DataError) as caught:
        unit_rows(np.array([[1.0, 0.0], [value, 0.0]]))
    assert str(caught.value) == (
        f"Feature row 1 holds NaN or infinite values, or zeros only (here {seen}; 1 such rows); an "
        "image feature is finite and not zero."
    )


def test_rows_scaled_in_blocks_are_those_scaled_at_once(monkeypatch):
    array = np.random.default_rng(0).standard_normal((50, 6)) * 1e200
    whole = arrays.unit_rows(array)
    monkeypatch.setattr(arrays, "_BLOCK", 7)
    assert torch.equal(arrays.unit_rows(array), whole)
    array[33] = 0
    array[40, 2] = np.nan
    with pytest.raises(DataError, match=r"Feature row 33 .*zeros only.*2 such rows"):
        arrays.unit_rows(array)
