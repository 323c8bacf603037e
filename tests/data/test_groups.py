from __future__ import annotations

import numpy as np
import pandas
import pytest
import torch

from ldpf.data.groups import (
    as_groups,
    belongs_to,
    group_ids,
    group_keys,
    groups_from_paths,
    require_whole,
)
from ldpf.errors import DataError, SettingsError

PATHS = ("cat/b1_001.jpg", "cat/b1_002.jpg", "dog/b2_001.jpg", "dog/other.jpg")


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        (r"(?P<group>b\d)_\d+", ["b1", "b1", "b2", ""]),
        (r"(\w+)/(?P<group>b\d)_", ["b1", "b1", "b2", ""]),
        (r"(b\d)_(\d+)", ["b1", "b1", "b2", ""]),
        (r"b\d", ["b1", "b1", "b2", ""]),
        (r"^[^/]+", ["cat", "cat", "dog", "dog"]),
        (r"(?P<group>b\d)?", ["", "", "", ""]),
    ],
)
def test_a_path_names_its_group(pattern, groups):
    if not any(groups):
        with pytest.raises(SettingsError, match=r"matches none of the 4 paths.*cat/b1_001.jpg"):
            groups_from_paths(PATHS, pattern)
    else:
        assert groups_from_paths(PATHS, pattern).tolist() == groups


def test_what_is_no_regular_expression_is_refused():
    with pytest.raises(SettingsError, match=r"'\(b' is no regular expression"):
        groups_from_paths(PATHS, "(b")


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["a", " a ", None, ""], ["a", "a", "", ""]),
        (np.array([3, 3, 4, 5]), ["3", "3", "4", "5"]),
        (np.array([3.0, 3.0, np.nan, 5.0]), ["3", "3", "", "5"]),
        ([np.str_("x"), True, 1.5, "1.5"], ["x", "True", "1.5", "1.5"]),
    ],
)
def test_groups_are_names_or_numbers_and_a_missing_one_is_an_image_alone(values, names):
    assert as_groups(values, 4).tolist() == names


def test_a_gap_in_a_column_of_pandas_is_an_image_alone():
    assert as_groups(pandas.array(["a", pandas.NA, "a"]), 3).tolist() == ["a", "", "a"]
    assert as_groups([pandas.NaT, "a"], 2).tolist() == ["", "a"]


@pytest.mark.parametrize(
    "values",
    [
        np.array([b"a", b"a", b"b", b""]),
        torch.tensor([1, 1, 2, 3]),
        iter(["a", "a", "b", ""]),
        pandas.DataFrame({"patient": ["a", "a", "b", None]}),
        ["a", "a ", "b", "\u200b"],
        ["a", "\ufeffa", "b", "\u00a0"],
        ["caf\u00e9", "cafe\u0301", "b", None],
    ],
    ids=["bytes", "tensor", "iterator", "table", "space", "mark", "Unicode form"],
)
def test_groups_come_in_anything_that_labels_come_in(values):
    first, second, third, last = as_groups(values, 4)
    assert first == second != third and last not in (first, third)


@pytest.mark.parametrize("values", ["abcd", {"a": 1}, {1, 2, 3, 4}, None])
def test_what_is_no_list_of_groups_is_refused(values):
    with pytest.raises(DataError, match="groups are a list in the order of the images"):
        as_groups(values, 4)


def test_a_word_for_missing_as_a_group_is_said():
    with pytest.warns(UserWarning, match="the group 'nan' looks like a missing value"):
        as_groups(["nan", "nan", "b"], 3)


def test_groups_of_another_kind_or_number_are_refused():
    with pytest.raises(DataError, match=r"row 1 has the group \['b'\]"):
        as_groups(["a", ["b"]], 2)
    with pytest.raises(DataError, match="n_groups=2 should be n_images=3"):
        as_groups(["a", "b"], 3)


def test_images_alone_belong_to_nobody():
    groups = np.array(["a", "", "a", "", "b"])
    ids = group_ids(groups)
    assert ids[0] == ids[2] and len(set(ids.tolist())) == 4
    assert belongs_to(groups, np.array(["", "b"])).tolist() == [False, False, False, False, True]
    assert belongs_to(groups, None) is None
    keys = group_keys(groups)
    assert keys[0] == keys[2] >= 0 and keys[1] == keys[3] == -1 and keys[4] not in keys[:4]
    assert group_keys(np.array(["b"]))[0] == keys[4]


def test_splits_that_divide_a_group_are_refused():
    groups, paths = np.array(["a", "", "a"]), ("1.png", "2.png", "3.png")
    require_whole(groups, np.array(["train", "test", "train"]), paths)
    with pytest.raises(DataError, match="'a' has images in two splits: 1"):
        require_whole(groups, np.array(["train", "test", "val"]), paths)
