from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ldpf.data.dataset import ImageDataset, check_dataset, require_trainable
from ldpf.data.images import BadImage
from ldpf.data.load import load_dataset
from ldpf.errors import DataError
from ldpf.features.feature_set import FeatureSet


def small(**changes):
    values = {
        "name": "small",
        "root": Path("/data"),
        "paths": ("a/1.jpg", "a/2.jpg", "/elsewhere/3.jpg"),
        "labels": np.array([0, 0, 1]),
        "class_names": ("cat", "dog"),
        "domains": np.array([1, 0, 1]),
        "domain_names": ("art", "photo"),
        "splits": np.array(["train", "val", "test"]),
    }
    return ImageDataset(**(values | changes))


def test_files_lie_below_the_root_unless_absolute():
    dataset = small()
    assert len(dataset) == 3
    assert dataset.file(0) == Path("/data/a/1.jpg") and dataset.file(2) == Path("/elsewhere/3.jpg")


@pytest.mark.parametrize("indices", [[2, 0], np.array([2, 0]), (2, 0)])
def test_a_subset_keeps_order_and_names(indices):
    part = small().subset(indices)
    assert part.paths == ("/elsewhere/3.jpg", "a/1.jpg") and part.labels.tolist() == [1, 0]
    assert part.domains.tolist() == [1, 1] and part.splits.tolist() == ["test", "train"]
    assert part.class_names == ("cat", "dog") and part.domain_names == ("art", "photo")


def test_a_subset_by_mask_and_an_empty_one():
    dataset = small(domains=None, domain_names=(), splits=None)
    assert dataset.subset(dataset.labels == 0).paths == ("a/1.jpg", "a/2.jpg")
    assert len(dataset.subset([])) == 0 and dataset.subset([0]).domains is None


def test_a_split_of_files_is_that_of_their_features():
    dataset = small(
        paths=tuple(map(str, range(40))),
        labels=np.arange(40) % 2,
        domains=np.arange(40) // 20,
        splits=None,
    )
    features = FeatureSet.of(dataset, torch.randn(40, 2))
    parts = zip(dataset.split(0.7, seed=5), features.split(0.7, seed=5), strict=True)
    assert all(files.paths == encoded.paths for files, encoded in parts)


def test_without_records_what_was_left_out():
    bad = BadImage("a/2.jpg", "an empty file (0 bytes)")
    dataset = small().without([bad])
    assert dataset.paths == ("a/1.jpg", "/elsewhere/3.jpg") and dataset.skipped == (bad,)


def test_counts_per_domain_and_class():
    assert small().counts().tolist() == [[1, 0], [1, 1]]
    assert small(domains=None, domain_names=()).counts().tolist() == [[2, 1]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": np.array([0, 1])}, r"has 3 paths but labels of shape \(2,\); give one entry"),
        ({"domains": np.array([0, 1])}, r"has 3 paths but domains of shape \(2,\)"),
        ({"labels": np.array([0, 1, 2])}, "has labels from 0 to 2 but 2 class_names; ids must lie"),
        ({"domains": np.array([-1, 0, 0])}, "has domains from -1 to 0 but 2 domain_names"),
        ({"paths": ("a", "b", "a")}, "'small' lists a twice; list each file once"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(DataError, match=message):
        small(**changes)


def test_checking_a_good_dataset_returns_it(image_tree):
    dataset = load_dataset(image_tree({"cat": 2, "dog": 2}))
    assert check_dataset(dataset, progress=False) is dataset


def test_checking_stops_with_all_bad_files_in_one_message(image_tree):
    root = image_tree({"cat": 3, "dog": 2})
    (root / "cat/001.png").write_bytes(b"")
    (root / "dog/000.png").write_bytes(b"no image")
    with pytest.raises(DataError) as error:
        check_dataset(load_dataset(root), progress=False)
    assert str(error.value).splitlines() == [
        f"2 of 5 images in {root} cannot be used:",
        "  cat/001.png: an empty file (0 bytes)",
        "  dog/000.png: not an image, or its header is damaged (it begins with b'no image')",
        "Repair or remove them, or leave them out with skip_bad=True.",
    ]


def test_checking_can_leave_bad_files_out(image_tree):
    root = image_tree({"cat": 3, "dog": 2})
    (root / "cat/001.png").write_bytes(b"")
    dataset = check_dataset(load_dataset(root), skip_bad=True, progress=False)
    assert len(dataset) == 4 and dataset.labels.tolist() == [0, 0, 1, 1]
    assert dataset.skipped == (BadImage("cat/001.png", "an empty file (0 bytes)"),)


def test_one_class_loads_but_cannot_be_trained_on(image_tree):
    dataset = load_dataset(image_tree({"dog": 2}))
    with pytest.raises(DataError) as error:
        require_trainable(dataset)
    assert str(error.value) == (
        "a classifier needs images of at least two classes, and these 2 images have only 'dog'; "
        "add a folder for each further class"
    )


def test_two_classes_can_be_trained_on_but_not_a_subset_with_one():
    require_trainable(small())
    with pytest.raises(DataError, match="these 2 images have only 'cat'"):
        require_trainable(small().subset([0, 1]))
