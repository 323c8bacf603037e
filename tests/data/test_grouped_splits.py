"""Splits as properties of any data: nothing is divided, nothing is lost, the seed decides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ldpf.data.grouped_splits import shares_words
from ldpf.data.splits import make_split, split_train_validation
from ldpf.errors import DataError

ROW = st.tuples(st.integers(0, 4), st.integers(0, 2), st.sampled_from(["", *"abcdefghijklmnop"]))
ROWS = st.lists(ROW, min_size=1, max_size=120)
SEEDS = st.integers(0, 2**32 - 1)
FRACTIONS = st.floats(0.3, 0.95)


def columns(rows):
    labels, domains, groups = zip(*rows, strict=True)
    return np.array(labels), np.array(domains), np.array(groups)


def split_or_none(labels, domains, groups, fraction, seed):
    """The two sides; None where the groups leave nothing to hold out."""
    try:
        return split_train_validation(
            labels, domains, groups=groups, train_fraction=fraction, seed=seed
        )
    except DataError as error:
        assert "no group can be held out" in str(error)
        return None


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(ROWS, FRACTIONS, SEEDS)
def test_no_group_is_divided_and_every_image_is_on_one_side(rows, fraction, seed):
    labels, domains, groups = columns(rows)
    if (sides := split_or_none(labels, domains, groups, fraction, seed)) is None:
        return
    train, validation = sides
    assert sorted([*train, *validation]) == list(range(len(rows)))
    shared = set(groups[train]) & set(groups[validation])
    assert shared <= {""}
    assert set(labels[train]) == set(labels)  # every class can be learned


@pytest.mark.slow
@settings(deadline=None, max_examples=100)
@given(ROWS, FRACTIONS, SEEDS)
def test_the_seed_decides_and_names_of_groups_do_not(rows, fraction, seed):
    labels, domains, groups = columns(rows)
    renamed = np.array([name and f"z{name}" for name in groups.tolist()])
    first, again, other = (
        split_or_none(labels, domains, names, fraction, seed) for names in (groups, groups, renamed)
    )
    assert (first is None) == (again is None) == (other is None)
    if first is not None:
        for one, two, three in zip(first, again, other, strict=True):
            assert np.array_equal(one, two) and np.array_equal(one, three)


@pytest.mark.slow
@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1), FRACTIONS, SEEDS)
def test_without_groups_every_image_is_on_one_side_and_classes_keep_one(rows, fraction, seed):
    labels, domains = map(np.array, zip(*rows, strict=True))
    train, validation = split_train_validation(labels, domains, train_fraction=fraction, seed=seed)
    assert sorted([*train, *validation]) == list(range(len(rows)))
    assert set(zip(labels[train], domains[train], strict=True)) == set(map(tuple, rows))


@pytest.mark.slow
@settings(deadline=None, max_examples=100)
@given(ROWS, SEEDS)
def test_a_manifest_decides_what_is_test_and_the_rest_keeps_groups_whole(rows, seed):
    labels, domains, groups = columns(rows)
    splits = np.where(np.isin(groups, list("abcd")), "test", "train")
    if not (splits == "train").any():
        return
    try:
        split = make_split(splits, labels, domains, groups=groups, seed=seed)
    except DataError:
        return
    parts = [set(groups[rows]) - {""} for rows in (split.train, split.validation, split.test)]
    assert not parts[0] & parts[1] and not parts[2] & (parts[0] | parts[1])
    assert len(split.train) + len(split.validation) + len(split.test) == len(rows)


def bursts(seed=0, n_groups=150):
    """Bursts of 1 to 12 images of one of 4 classes, in 3 domains."""
    draws = np.random.default_rng(seed)
    sizes = draws.integers(1, 13, n_groups)
    of_group = np.repeat(np.arange(n_groups), sizes)
    labels, domains = draws.integers(0, 4, n_groups), draws.integers(0, 3, n_groups)
    return labels[of_group], domains[of_group], of_group.astype(np.str_)


@pytest.mark.parametrize("train_fraction", [0.5, 0.8, 0.9])
def test_shares_of_classes_and_domains_are_near_what_is_wanted(train_fraction):
    labels, domains, groups = bursts()
    for seed in range(5):
        _, held_out = split_train_validation(
            labels, domains, groups=groups, train_fraction=train_fraction, seed=seed
        )
        wanted = 1 - train_fraction
        assert len(held_out) / len(labels) == pytest.approx(wanted, abs=0.01)
        for ids in (labels, domains):
            for one in np.unique(ids):
                share = (ids[held_out] == one).sum() / (ids == one).sum()
                assert share == pytest.approx(wanted, abs=0.03)
        for cell in np.unique(10 * domains + labels):
            inside = 10 * domains + labels == cell
            missed = inside[held_out].sum() - wanted * inside.sum()
            assert abs(missed) <= 6.5  # half of the largest burst


def test_groups_of_one_image_are_split_as_well_as_images():
    labels, domains, _ = bursts()
    alone = np.full(len(labels), "")
    _, held_out = split_train_validation(labels, domains, groups=alone, seed=0)
    for cell in np.unique(10 * domains + labels):
        inside = 10 * domains + labels == cell
        assert abs(inside[held_out].sum() - 0.2 * inside.sum()) <= 1


def test_seeds_hold_out_different_groups_also_the_largest():
    labels, domains, groups = bursts()
    largest = np.unique(groups)[np.unique(groups, return_counts=True)[1].argmax()]
    held_out = [
        set(groups[split_train_validation(labels, domains, groups=groups, seed=seed)[1]])
        for seed in range(12)
    ]
    assert len(set(map(frozenset, held_out))) == 12
    assert 0 < sum(largest in names for names in held_out) < 12


def test_whole_domains_are_held_out_where_each_is_one_group():
    labels = np.tile(np.arange(3), 30)
    domains = np.repeat(np.arange(9), 10)
    train, held_out = split_train_validation(
        labels, domains, groups=domains.astype(np.str_), seed=0
    )
    assert len(held_out) == 20 and not set(domains[train]) & set(domains[held_out])


def test_one_group_for_all_leaves_nothing_to_hold_out():
    with pytest.raises(DataError, match=r"10 images of 2 classes are in 1 group"):
        split_train_validation(np.arange(10) % 2, None, groups=np.full(10, "a"), seed=0)


def test_one_image_for_each_class_is_no_fault_of_the_groups():
    train, held_out = split_train_validation(
        np.arange(2), None, groups=np.array(["a", "a"]), seed=0
    )
    assert len(train) == 2 and not len(held_out)


def test_a_class_of_one_group_stays_in_training_and_is_named():
    labels = np.array([0] * 40 + [1] * 8)
    groups = np.array([str(i // 4) for i in range(40)] + ["otters"] * 8)
    train, held_out = split_train_validation(labels, None, groups=groups, seed=0)
    assert len(held_out) == 8 and not labels[held_out].any() and labels[train].sum() == 8
    mask = np.isin(np.arange(48), held_out)
    assert shares_words(labels, groups, mask, ("cat", "otter")) == (
        "11 groups, none divided: 16.7% of the images are held out, from 0.0% (otter) to 20.0% "
        "(cat) of a class; all images of otter are in one group, so none of them is held out"
    )


@pytest.mark.slow
def test_many_groups_take_seconds():
    import time

    draws = np.random.default_rng(0)
    labels, domains = draws.integers(0, 50, 30_000), draws.integers(0, 4, 30_000)
    groups = (np.arange(30_000) // 2).astype(np.str_)
    started = time.perf_counter()
    split_train_validation(labels, domains, groups=groups, seed=0)
    assert time.perf_counter() - started < 30
