from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import ldpf
from ldpf.data import from_arrays, load_dataset
from ldpf.data.split_names import are_splits, split_folders, split_kind
from ldpf.errors import DataError


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


def test_domains_of_a_table_and_of_a_list_that_are_splits_are_refused(tmp_path, tiny_backbone):
    table = tmp_path / "list.csv"
    table.write_text("path,label,domain\na.png,cat,Train\nb.png,dog,test_set\n")
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    with pytest.raises(
        DataError, match=r"column domain of .*list\.csv holds splits.*Train, test_set"
    ):
        load_dataset(table)
    pixels = [np.zeros((8, 8, 3), np.uint8)] * 2
    listed = from_arrays(pixels, ["cat", "dog"], domains=["train", "val"])
    with pytest.raises(DataError, match=r"'arrays' holds splits, not domains: train, val"):
        ldpf.extract_features(listed, tiny_backbone, progress=False)
    table.write_text("path,label,domain\na.png,cat,train\nb.png,dog,bus\n")
    assert load_dataset(table).domain_names == ("bus", "train")
