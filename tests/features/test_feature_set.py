from __future__ import annotations

import numpy as np
import pytest
import torch

from ldpf.data.splits import make_split
from ldpf.errors import DataError, SettingsError
from ldpf.features.feature_set import FeatureSet


def small(**changes):
    values = {
        "features": torch.eye(3),
        "labels": torch.tensor([0, 1, 1]),
        "domains": torch.tensor([0, 0, 1]),
        "class_names": ("cat", "dog"),
        "domain_names": ("art", "photo"),
        "paths": ("a", "b", "c"),
        "splits": np.array(["train", "val", "test"]),
    }
    return FeatureSet(**(values | changes))


@pytest.mark.parametrize("indices", [[2, 0], np.array([2, 0]), torch.tensor([2, 0])])
def test_a_subset_takes_rows_of_everything(indices):
    part = small().subset(indices)
    assert torch.equal(part.features, torch.eye(3)[[2, 0]]) and part.labels.tolist() == [1, 0]
    assert part.domains.tolist() == [1, 0] and part.paths == ("c", "a")
    assert part.splits.tolist() == ["test", "train"] and part.class_names == ("cat", "dog")


def test_a_subset_by_mask_repeated_rows_and_none():
    assert small().subset(small().labels == 1).paths == ("b", "c")
    assert small().subset([1, 1]).paths == ("b", "b")
    empty = small(domains=None, domain_names=(), splits=None).subset([])
    assert len(empty) == 0 and empty.features.shape == (0, 3) and empty.domains is None


@pytest.mark.parametrize(
    "change",
    [
        {"features": torch.eye(3).roll(1, 0)},
        {"labels": torch.tensor([0, 1, 0])},
        {"domains": torch.tensor([0, 1, 1])},
        {"domains": None},
        {"class_names": ("cat", "wolf")},
        {"domain_names": ("art", "sketch")},
    ],
)
def test_the_digest_changes_with_every_part(change):
    assert small(**change).digest() != small().digest()


def test_the_digest_is_the_same_for_the_same_content_elsewhere():
    assert small(paths=("x", "y", "z"), splits=None).digest() == small().digest()
    rows = small().subset([0, 1, 2])
    assert rows.digest() == small().digest() and len(rows.digest()) == 64


def test_lengths_that_differ_are_refused():
    with pytest.raises(DataError) as error:
        small(labels=torch.tensor([0, 1]))
    assert str(error.value) == (
        "a feature set needs one entry of labels for each feature: 2 labels, 3 features"
    )


def test_a_split_takes_the_images_that_a_manifest_names():
    train, validation, test = small().split(seed=0)
    assert (train.paths, validation.paths, test.paths) == (("a",), ("b",), ("c",))


@pytest.mark.parametrize("domains", [None, torch.arange(60) % 3])
def test_a_split_without_a_manifest_is_drawn_like_that_of_rows(domains):
    labels = torch.arange(60) // 3 % 4
    features = FeatureSet(
        features=torch.randn(60, 2),
        labels=labels,
        domains=domains,
        class_names=tuple("abcd"),
        domain_names=() if domains is None else tuple("xyz"),
        paths=tuple(map(str, range(60))),
    )
    rows = make_split(
        None,
        labels.numpy(),
        None if domains is None else domains.numpy(),
        train_fraction=0.7,
        seed=3,
    )
    train, validation, test = features.split(0.7, seed=3)
    assert train.paths == tuple(map(str, rows.train))
    assert validation.paths == tuple(map(str, rows.validation))
    assert len(test) == 0 and len(validation) > 10


def test_a_share_that_leaves_nothing_is_refused():
    with pytest.raises(SettingsError, match="train_fraction"):
        small(splits=None).split(1.0, seed=0)
