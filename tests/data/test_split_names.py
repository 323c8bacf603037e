from __future__ import annotations

import pytest

from ldpf.data.split_names import are_splits, split_folders, split_kind


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("train", ["train", "TRAIN", "Training", "training_set", "train_images", "TrainingSet"]),
        ("train", ["trainset", "images-train", "train2017", "train_val", "01_train", "train data"]),
        ("val", ["val_images", "validation_data", "valid", "Val2017", "dev"]),
        ("test", ["test_set", "TEST_SIMPLE", "testing", "testdata", "Test Images", "eval"]),
    ],
)
def test_names_of_splits(kind, names):
    assert {name: split_kind(name) for name in names} == dict.fromkeys(names, kind)


@pytest.mark.parametrize(
    "name",
    [
        "trainer",
        "test_tube",
        "trains",
        "valley",
        "invalid",
        "protest",
        "device",
        "contest",
        "images",
        "set",
        "2017",
    ],
)
def test_names_of_other_things(name):
    assert split_kind(name) is None


@pytest.mark.parametrize("name", ["", "train station", "dev kit", "données"])
def test_names_with_spaces_and_accents_of_other_things(name):
    assert split_kind(name) is None


def test_a_word_that_all_share_does_not_hide_splits():
    assert split_folders(["seg_test", "seg_train"]) == ["seg_test", "seg_train"]
    assert split_folders(["train_station", "test_tube"]) == []
    assert split_folders(["test_tube"]) == []


def test_splits_are_a_training_one_and_a_held_out_one():
    assert are_splits(["train", "VAL", "extra"])
    assert not are_splits(["train", "bus"])
    assert not are_splits(["test", "val"])
