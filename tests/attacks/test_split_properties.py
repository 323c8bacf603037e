"""Splits of any labels, domains and groups: nothing is lost, twice, or on both sides."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ldpf.data.splits import split_train_validation
from ldpf.errors import DataError

LABELS = st.lists(st.integers(0, 3), min_size=2, max_size=40)
FRACTIONS = st.floats(0.05, 0.95)


@settings(max_examples=150, deadline=None)
@given(labels=LABELS, fraction=FRACTIONS, seed=st.integers(0, 99), data=st.data())
def test_a_split_is_a_partition_and_keeps_a_training_image_of_each_class(
    labels, fraction, seed, data
):
    given_labels = np.array(labels)
    domains = np.array(
        data.draw(st.lists(st.integers(0, 2), min_size=len(labels), max_size=len(labels)))
    )
    train, validation = split_train_validation(
        given_labels, domains, train_fraction=fraction, seed=seed
    )
    assert sorted([*train, *validation]) == list(range(len(labels)))
    for domain in np.unique(domains):
        inside = train[domains[train] == domain]
        assert set(given_labels[inside]) == set(given_labels[domains == domain])


@settings(max_examples=150, deadline=None)
@given(labels=LABELS, fraction=FRACTIONS, seed=st.integers(0, 99), data=st.data())
def test_groups_are_on_one_side(labels, fraction, seed, data):
    names = st.lists(
        st.sampled_from(["a", "b", "c", "d", ""]), min_size=len(labels), max_size=len(labels)
    )
    groups = np.array(data.draw(names), dtype=np.str_)
    try:
        train, validation = split_train_validation(
            np.array(labels), None, groups=groups, train_fraction=fraction, seed=seed
        )
    except DataError:  # too few groups to divide
        return
    assert sorted([*train, *validation]) == list(range(len(labels)))
    both = set(groups[train]) & set(groups[validation])
    assert both <= {""}, "an image without a group is alone"
