from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from PIL import Image

import ldpf
from ldpf.data import from_arrays, load_dataset
from ldpf.data.split_names import are_folds, are_splits, split_folders, split_kind
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
    ("train", "val", "test"),
    [
        ("entrenamiento", "validaci\u00f3n", "prueba"),
        ("Trainingsdaten", "Validierung", "Testdaten"),
        ("apprentissage", "validation", "\u00c9valuation"),
        ("treinamento", "valida\u00e7\u00e3o", "teste"),
        ("\u8bad\u7ec3\u96c6", "\u9a8c\u8bc1\u96c6", "\u6d4b\u8bd5\u96c6"),
        ("\u5b66\u7fd2\u30c7\u30fc\u30bf", "\u691c\u8a3c\u7528", "\u30c6\u30b9\u30c8"),
        ("\ud559\uc2b5", "\uac80\uc99d", "\ud14c\uc2a4\ud2b8"),
        ("\u043e\u0431\u0443\u0447\u0435\u043d\u0438\u0435", "val", "\u0442\u0435\u0441\u0442"),
        ("imagesTr", "val", "imagesTs"),
        ("trn", "dev", "held-out"),
        ("X_train", "X_val", "hold_out_set"),
    ],
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_of_splits_in_other_languages_and_short(train, val, test, form):
    names = [unicodedata.normalize(form, name) for name in (train, val, test)]
    assert [split_kind(name) for name in names] == ["train", "val", "test"]
    assert are_splits(names)


@pytest.mark.parametrize(
    "name",
    [
        "tree",
        "tea",
        "trst",
        "proof",
        "\u96c6",
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


def test_one_plain_split_makes_the_others_splits():
    assert are_splits(["train", "ood_test"]) and are_splits(["train_aug", "val"])
    assert split_folders(["train", "train_aug"]) == ["train", "train_aug"]
    assert not are_splits(["train", "train_aug"])  # nothing is held out
    assert split_folders(["train", "bus"]) == ["train"]


@pytest.mark.parametrize(
    "names",
    [
        ("fold1", "fold2"),
        ("fold_0", "Fold_1", "fold_2"),
        ("split-1", "split-2"),
        ("part1", "part2"),
    ],
)
def test_numbered_folds_are_splits_where_there_is_nothing_else(names):
    assert are_folds(names) and split_folders(names) == sorted(names)
    assert not are_folds([*names, "cat"]) and split_folders([*names, "cat"]) == []
    assert not are_folds(names[:1])


def test_folds_of_a_table_are_no_domains(tmp_path):
    (tmp_path / "list.csv").write_text("path,label,domain\na.png,cat,fold1\nb.png,dog,fold2\n")
    with pytest.raises(DataError, match=r"holds splits, not domains: fold1, fold2; a split is"):
        load_dataset(tmp_path / "list.csv")


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
