from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from ldpf.errors import DataError, SettingsError
from ldpf.estimators.validation import check_labels, names_of_classes


@pytest.mark.parametrize(
    "labels",
    [
        np.array([1, 0], np.int32),
        np.array([1.0, 0.0]),
        np.array([True, False]),
        np.array(["b", "a"]),
        np.array(["b", "a"], object),
    ],
)
def test_an_array_keeps_its_type(labels):
    found = check_labels(labels)
    assert found.dtype == labels.dtype
    assert found.tolist() == labels.tolist()


@pytest.mark.parametrize(
    "labels",
    [
        [1, 0],
        [1.0, 0.0],
        torch.tensor([1, 0]),
        torch.tensor([1, 0]).bfloat16(),
        pd.Series([1, 0], dtype="Int64"),
        [np.int64(1), torch.tensor(0)],
    ],
)
def test_anything_else_becomes_one(labels):
    found = check_labels(labels)
    assert found.tolist() == [1, 0] and found.dtype == np.int64


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (["a", float("nan")], "row 1 has the label nan; give a name or a whole number"),
        (np.array([0.0, np.nan]), "row 1 has the label nan; give a name or a whole number"),
        (["a", None], "row 1 has the label None; give a name or a whole number"),
        (pd.Series(["a", pd.NA]), "row 1 has the label nan; give a name or a whole number"),
        (
            pd.Series([1, pd.NA], dtype="Int64"),
            "row 1 has the label <NA>; give a name or a whole number",
        ),
        (
            [0, "square"],
            "row 0 has the label 0, a number, but row 1 has 'square', a name; give one kind",
        ),
        (
            [[0, 1], [1, 0]],
            "row 0 has the label [0, 1], which looks one-hot; give class ids, as "
            "labels.argmax(axis=1) does",
        ),
        (
            torch.eye(2),
            "y should be one label per image; got shape (2, 2); of one-hot rows give "
            "y.argmax(axis=1).",
        ),
        (
            ["cat", "dog", "cat\u200b"],
            "two label names differ only in spaces or in characters that cannot be seen: 'cat' "
            "(row 0) and 'cat\\u200b' (row 2); rename one, to the same name if they are the same "
            "label",
        ),
    ],
)
def test_labels_that_are_none_are_refused_by_their_row(labels, sentence):
    with pytest.raises(DataError) as caught:
        check_labels(labels)
    assert str(caught.value) == sentence


def test_numbers_written_as_text_take_names_by_their_value():
    classes = np.unique([str(i) for i in range(12)])
    names = names_of_classes(classes, [f"word {i}" for i in range(12)])
    assert names == tuple(f"word {label}" for label in classes.tolist())


def test_numbers_written_as_text_say_nothing():
    with pytest.warns(UserWarning, match="say nothing to a text encoder"):
        assert names_of_classes(np.array(["0", "1"]), None) == ("0", "1")


@pytest.mark.filterwarnings("ignore:The labels are numbers")
def test_whole_floats_are_named_as_whole_numbers():
    assert names_of_classes(np.array([0.0, 2.0]), None) == ("0", "2")
    assert names_of_classes(np.array([-1, 1]), None) == ("-1", "1")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["crane", "Crane "], "the labels 0 and 1 would both be called 'Crane '; no prompt can"),
        (["sea_lion", "sea lion"], "the labels 0 and 1 would both be called 'sea lion'; no prompt"),
        (["cat", None], "class_names[1] is None; give a name in words"),
        (["cat", " "], "class_names[1] is ' '; give a name in words"),
        ("cat", "class_names='cat' is no list; give a list of names, in the order of the ids"),
        ({"cat"}, "class_names={'cat'} is no list; give a list of names, in the order of the ids"),
        (["cat"], "class_names has 1 names but y holds 2 classes."),
    ],
)
def test_names_that_cannot_be_are_refused(given, sentence):
    with pytest.raises(SettingsError) as caught:
        names_of_classes(np.array([0, 1]), given)
    assert str(caught.value).startswith(sentence)
