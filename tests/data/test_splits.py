from __future__ import annotations

import hashlib

import numpy as np
import pytest

from ldpf.data.splits import make_split, split_train_validation
from ldpf.errors import DataError, SettingsError


def uneven():
    """3 domains x 5 classes with 1 to 40 images each, shuffled; class 4 in domain 2 only."""
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 40, (3, 5))
    counts[:2, 4] = 0
    counts[0, 0] = 1
    domains, labels = np.nonzero(counts)
    repeats = counts[domains, labels]
    order = rng.permutation(repeats.sum())
    return np.repeat(labels, repeats)[order], np.repeat(domains, repeats)[order]


def test_every_row_is_in_exactly_one_set_sorted_int64():
    labels, domains = uneven()
    train, validation = split_train_validation(labels, domains, seed=1)
    assert np.array_equal(np.sort(np.concatenate([train, validation])), np.arange(len(labels)))
    for rows in (train, validation):
        assert rows.dtype == np.int64 and (np.diff(rows) > 0).all()


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    labels, domains = uneven()
    first, again, other = (split_train_validation(labels, domains, seed=s)[1] for s in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("train_fraction", [0.5, 0.7, 0.8])
def test_each_class_of_each_domain_gets_its_share_within_one_image(train_fraction):
    labels, domains = uneven()
    _, validation = split_train_validation(labels, domains, train_fraction=train_fraction, seed=0)
    for domain in range(3):
        in_domain = domains == domain
        exact = in_domain.sum() * (1 - train_fraction)
        single = (np.bincount(labels[in_domain]) == 1).sum()  # these stay in training
        got = (domains[validation] == domain).sum()
        assert -0.5 - single - 1e-9 <= got - exact <= 0.5 + 1e-9
        for k in range(5):
            share = (in_domain & (labels == k)).sum() * (1 - train_fraction)
            got = ((domains[validation] == domain) & (labels[validation] == k)).sum()
            assert abs(got - share) < 1


def test_one_image_of_a_class_goes_to_training():
    labels = np.array([0] * 10 + [1])  # half of 11 is 5.5: class 1 has the largest remainder
    for seed in range(20):
        train, validation = split_train_validation(labels, None, train_fraction=0.5, seed=seed)
        assert 10 in train and len(validation) == 5


def test_one_image_per_class_leaves_no_validation_images():
    train, validation = split_train_validation(np.arange(5), None, seed=0)
    assert train.tolist() == [0, 1, 2, 3, 4] and validation.tolist() == []


def test_many_small_classes_still_give_a_validation_set():
    """2 images of each of 50 classes: rounding each class alone would leave validation empty."""
    labels = np.repeat(np.arange(50), 2)
    _, validation = split_train_validation(labels, None, seed=0)
    assert len(validation) == 20 and len(np.unique(labels[validation])) == 20


def test_a_class_in_one_domain_only_is_divided_there():
    labels = np.array([0] * 20 + [1] * 10)
    domains = np.array([0] * 10 + [1] * 20)
    _, validation = split_train_validation(labels, domains, seed=0)
    pairs = list(zip(domains[validation].tolist(), labels[validation].tolist(), strict=True))
    assert sorted(pairs) == [(0, 0)] * 2 + [(1, 0)] * 2 + [(1, 1)] * 2


def test_unknown_domains_are_one_domain():
    labels, _ = uneven()
    split = split_train_validation(labels, None, seed=5)
    same = split_train_validation(labels, np.zeros_like(labels), seed=5)
    assert all(np.array_equal(a, b) for a, b in zip(split, same, strict=True))


def test_another_domain_changes_nothing():
    labels, domains = uneven()
    keep = np.flatnonzero(domains != 1)
    whole = split_train_validation(labels, domains, seed=2)[1]
    part = split_train_validation(labels[keep], domains[keep], seed=2)[1]
    assert np.array_equal(np.intersect1d(whole, keep), keep[part])


def test_empty_input_gives_empty_sets():
    train, validation = split_train_validation(np.empty(0, np.int64), None, seed=0)
    assert len(train) == len(validation) == 0


@pytest.mark.parametrize("fraction", [0.0, 1.0, 80])
def test_a_fraction_outside_0_to_1(fraction):
    with pytest.raises(SettingsError, match=f"^train_fraction={fraction} should be"):
        split_train_validation(np.zeros(3, int), None, train_fraction=fraction, seed=0)


def test_a_negative_seed():
    with pytest.raises(SettingsError, match=r"^seed=-1 should be"):
        split_train_validation(np.zeros(3, int), None, seed=-1)


def test_make_split_without_a_manifest_draws_validation_and_has_no_test():
    labels, domains = uneven()
    split = make_split(None, labels, domains, seed=1)
    train, validation = split_train_validation(labels, domains, seed=1)
    assert np.array_equal(split.train, train) and np.array_equal(split.validation, validation)
    assert len(split.test) == 0


def test_make_split_takes_the_manifests_three_sets():
    splits = np.array(["val", "train", "test", "train"])
    split = make_split(splits, np.zeros(4, int), None, seed=0)
    assert split.train.tolist() == [1, 3]
    assert split.validation.tolist() == [0] and split.test.tolist() == [2]


def test_make_split_draws_missing_validation_from_training_rows_only():
    splits = np.array(["train", "test"] * 50)
    split = make_split(splits, np.zeros(100, int), np.zeros(100, int), seed=0)
    assert (splits[split.train] == "train").all() and len(split.train) == 40
    assert (splits[split.validation] == "train").all() and len(split.validation) == 10
    assert (splits[split.test] == "test").all() and len(split.test) == 50


def test_make_split_needs_training_images():
    with pytest.raises(DataError) as error:
        make_split(np.array(["val", "test"]), np.zeros(2, int), None, seed=0)
    assert str(error.value) == (
        "none of the 2 images has the split 'train'; mark some in the manifest"
    )


@pytest.mark.parametrize(
    ("with_domains", "options", "expected"),
    [
        (True, {"seed": 0}, "97bb2803a5c71aa4"),
        (True, {"seed": 3}, "6a5a35c7a0f3bad6"),
        (False, {"seed": 1, "train_fraction": 0.7}, "5015475a8130ac44"),
    ],
)
def test_without_groups_a_split_is_the_same_in_every_version(with_domains, options, expected):
    """Models of earlier versions were trained on these; `ldpf report` finds their images again."""
    labels, domains = uneven()
    _, validation = split_train_validation(labels, domains if with_domains else None, **options)
    digest = hashlib.sha256(validation.astype("<i8").tobytes()).hexdigest()
    assert digest.startswith(expected)


@pytest.mark.parametrize("seed", [-1, 2**32, 10**30])
def test_a_seed_that_not_every_generator_takes_is_refused(seed):
    labels = np.repeat(np.arange(2), 10)
    with pytest.raises(SettingsError, match="from 0 to 4,294,967,295"):
        split_train_validation(labels, None, seed=seed)
    split_train_validation(labels, None, seed=2**32 - 1)
