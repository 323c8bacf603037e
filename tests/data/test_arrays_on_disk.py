"""Tables of numbers on disk are read as NumPy would read them."""

from __future__ import annotations

import os

import numpy as np
import pytest

from ldpf.data.arrays_on_disk import ArraysOnDisk, mapped_array
from ldpf.errors import DataError

DRAWS = np.random.default_rng(0)


def written(folder, *parts):
    files = [folder / f"{number}.npy" for number in range(len(parts))]
    for file, part in zip(files, parts, strict=True):
        np.save(file, part)
    return ArraysOnDisk.of(files, [mapped_array(file) for file in files])


@pytest.fixture
def parts():
    return DRAWS.standard_normal((5, 3), np.float32), DRAWS.standard_normal((4, 3), np.float32)


@pytest.mark.parametrize(
    "index", [slice(2, 7), slice(None), [8, 0, 8], [4, 5], [], 6, np.arange(9) % 2 == 0]
)
def test_rows_are_those_of_the_parts_together(tmp_path, parts, index):
    whole = np.concatenate(parts)
    assert np.array_equal(written(tmp_path, *parts)[index], whole[index])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("rows", [[0, 1, 3], [0, 4], [4, 1]])
def test_near_and_distant_rows_of_either_order(tmp_path, order, rows):
    part = np.asarray(DRAWS.standard_normal((5, 3)), order=order)
    assert np.array_equal(written(tmp_path, part)[rows], part[rows])


def test_rows_of_rows(tmp_path, parts):
    picked = written(tmp_path, *parts).take(np.array([8, 2, 5])).take(np.array([1, 0]))
    assert picked.shape == (2, 3)
    assert np.array_equal(picked, np.concatenate(parts)[[2, 8]])


def test_the_type_of_numbers_holds_all_parts(tmp_path, parts):
    whole = written(tmp_path, parts[0].astype(np.float16), parts[1])
    assert whole.dtype == np.float32
    assert np.array_equal(whole[5:], parts[1])


def test_small_tables_are_read_at_once(tmp_path, parts):
    assert isinstance(written(tmp_path, *parts).held(), np.ndarray)


def test_a_file_that_was_cut_off_meanwhile_is_refused(tmp_path, parts):
    whole = written(tmp_path, *parts)
    np.save(tmp_path / "1.npy", parts[1][:2])
    with pytest.raises(DataError, match=r"1\.npy held a table \[4, 3\] .* now holds \[2, 3\]"):
        whole[5:]


def test_a_file_that_vanished_is_refused(tmp_path, parts):
    whole = written(tmp_path, *parts)
    (tmp_path / "1.npy").unlink()
    with pytest.raises(DataError, match=r"cannot read the array .*1\.npy"):
        whole[5:]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "e.npy")
    with pytest.raises(DataError, match="no regular file"):
        mapped_array(tmp_path / "e.npy")
