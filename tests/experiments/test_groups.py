"""Groups stay whole in every protocol, selection rule and fold of latent domains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ldpf.domains.folds import leave_one_group_out
from ldpf.errors import DataError
from ldpf.experiments.protocols import PROTOCOLS, get_protocol
from ldpf.experiments.recreate import digest_with_splits
from ldpf.experiments.selection import SELECTION_RULES, get_selection


@pytest.fixture
def data(make_features):
    """Bursts of three images of a class; each fifth burst goes on in the next domain."""
    data = make_features(30, noise=0.5)
    labels, domains = data.labels.numpy(), data.domains.numpy()
    groups = np.empty(len(data), dtype="U20")
    for k in range(3):
        for d in range(3):
            rows = np.flatnonzero((labels == k) & (domains == d))
            groups[rows] = [f"{k}-{d}-{i // 3}" for i in range(len(rows))]
    for d in (0, 1):
        groups[domains == d + 1] = [
            g.replace(f"-{d + 1}-", f"-{d}-") if g.endswith("-5") else g
            for g in groups[domains == d + 1]
        ]
    return replace(data, groups=groups)


def names(*parts):
    return [set(part.groups) for part in parts]


IMAGE_BY_IMAGE = ("clipood", "domainbed")
"""Protocols with a published split of single images: they refuse groups."""


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("seed", range(3))
def test_no_protocol_divides_a_group(data, protocol, seed):
    rules = get_protocol(protocol)
    if protocol in IMAGE_BY_IMAGE:
        with pytest.raises(
            DataError, match=protocol if protocol == "clipood" else "domainbed"
        ) as refused:
            rules.episode(data, data.domain_names[0], seed)
        assert "would tear groups apart" in str(refused.value)
        return
    for case in rules.cases(data.domain_names):
        episode = rules.episode(data, case, seed)
        train, validation, test = names(episode.train, episode.validation, episode.test)
        assert not train & validation and not test & (train | validation)
        assert train and validation and test


@pytest.mark.parametrize("protocol", ["leave-one-domain-out", "single-source"])
def test_the_test_domain_stays_whole_and_its_groups_leave_the_sources(data, protocol):
    rules = get_protocol(protocol)
    grouped = rules.episode(data, "art", 0)
    plain = rules.episode(replace(data, groups=None), "art", 0)
    assert grouped.test.paths == plain.test.paths
    learned = len(grouped.train) + len(grouped.validation)
    assert 0 < len(plain.train) + len(plain.validation) - learned <= 18


@pytest.mark.parametrize("selection", SELECTION_RULES)
def test_no_selection_rule_judges_by_a_group_that_it_trains_on(data, selection):
    rule = get_selection(selection)
    episode = rule.prepare(get_protocol().episode(data, "sketch", 1))
    assert not names(episode.validation)[0] & names(episode.test)[0]
    folds = list(rule.folds(episode))
    assert len(folds) == rule.n_folds(episode)
    for fold in folds:
        train, validation, judged = names(fold.train, fold.validation, fold.judged)
        assert not train & judged and not train & validation
        if rule.cross_validated:
            assert not validation & judged


def test_images_of_a_group_with_a_member_left_out_do_not_train_that_fold(data):
    groups = np.where(np.arange(len(data)) % 10 == 0, "everywhere", data.groups)
    data = replace(data, groups=groups)
    latent = data.domains
    empty = data.subset([])
    folds = list(leave_one_group_out(data, empty, latent, latent[:0], range(3)))
    assert sum(len(fold.judged) for fold in folds) == len(data)
    for fold in folds:
        assert "everywhere" in fold.judged.groups and "everywhere" not in fold.train.groups
        assert not set(fold.train.groups) & set(fold.judged.groups)
        assert fold.aside is not None and "everywhere" in fold.aside.groups
        assert len(fold.train) + len(fold.judged) + len(fold.aside) == len(data)
        alone = fold.judged_by_itself
        assert 0 < len(alone) < len(fold.judged)
        assert not set(alone.groups) & (set(fold.aside.groups) | set(fold.train.groups))


def test_images_alone_are_never_left_aside(data):
    data = replace(data, groups=np.full(len(data), ""))
    for fold in leave_one_group_out(
        data, data.subset([]), data.domains, data.domains[:0], range(3)
    ):
        assert fold.aside is None and len(fold.train) == 180
        assert fold.judged_by_itself is fold.judged


def test_a_target_that_shares_every_group_is_refused(data):
    with pytest.raises(DataError, match="Every training image of the case 'art' is in a group"):
        get_protocol().episode(replace(data, groups=np.full(len(data), "one")), "art", 0)


def test_other_groups_are_another_experiment(data):
    ungrouped = replace(data, groups=None)
    assert digest_with_splits(data) != digest_with_splits(ungrouped) == data.digest()
    renamed = np.where(data.groups == data.groups[0], "other", data.groups)
    assert digest_with_splits(replace(data, groups=renamed)) != digest_with_splits(data)


def test_torch_rows_and_groups_go_together(data):
    rows = torch.tensor([5, 1, 1])
    assert data.subset(rows).groups.tolist() == data.groups[[5, 1, 1]].tolist()
    both = data.subset([0]).joined(data.subset([7]))
    assert both.groups.tolist() == data.groups[[0, 7]].tolist()
