from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
import torch

from ldpf.domains.clustering.spherical import SphericalKMeans
from ldpf.domains.disentangle.class_centered import ClassCentered
from ldpf.domains.how_many.auto import Auto
from ldpf.domains.how_many.heads_judge import judge, likeness
from ldpf.heads.gda_balanced import BalancedDiscriminant

FEW = Auto(most=4, halvings=2)


def clusterings(domains):
    return {1: torch.zeros_like(domains), 3: domains}


def test_left_out_is_the_mean_over_the_domains_left_out(make_features):
    train = make_features(15, domain_strength=2.0, noise=0.5)
    judged = judge(train.features, train.labels, 3, clusterings(train.domains))
    expected = {}
    for number, group in clusterings(train.domains).items():
        accuracies = []
        for domain in range(3):
            keep = train.domains != domain
            head = BalancedDiscriminant().fit(
                train.features[keep], train.labels[keep], group[keep], n_classes=3
            )
            answers = head.logits(train.features[~keep]).argmax(dim=1)
            accuracies.append(float((answers == train.labels[~keep]).double().mean()))
        expected[number] = sum(accuracies) / 3
    assert judged.left_out == pytest.approx(expected)
    assert judged.left_out[1] < 1


def test_all_numbers_are_judged_on_the_folds_of_all(make_features):
    train = make_features(15, domain_strength=2.0, noise=0.5)
    halves = (torch.arange(len(train)) % 2).long()
    alone = judge(train.features, train.labels, 3, clusterings(train.domains))
    more = judge(train.features, train.labels, 3, {**clusterings(train.domains), 2: halves})
    assert more.left_out[1] != alone.left_out[1]


def test_one_clustering_of_one_domain_has_no_fold(make_features):
    train = make_features()
    judged = judge(train.features, train.labels, 3, {1: torch.zeros_like(train.labels)})
    assert judged.left_out == {1: 0.0}
    assert judged.alike == {1: 0.0}


def likeness_of(train, group, pair=(0, 1)):
    return likeness(train.features, train.labels, 3, group, pair, seed=0)


def turned(train):
    """Two domains; in the second, classes look like the next class of the first."""
    other = replace(train, labels=(train.labels + train.domains) % 3)
    return other.subset(other.domains < 2)


def test_halves_by_chance_are_as_alike_as_by_chance(make_features):
    train = make_features(100, noise=1.0)
    halves = (torch.arange(len(train)) % 2).long()
    assert 0.75 < likeness_of(train, halves) < 1.33


def test_domains_of_other_looking_classes_are_not_alike(make_features):
    two = turned(make_features(40, noise=0.4))
    assert likeness_of(two, two.domains) < 0.5


def test_heads_that_agree_on_everything_tell_nothing(make_features):
    train = make_features(20, noise=0.01)
    assert likeness_of(train, train.domains) == 0


def test_the_most_similar_pair_counts(make_features):
    two = turned(make_features(80, noise=0.8))
    quarters = 2 * two.domains + (torch.arange(len(two)) % 2)  # the halves of each are alike
    judged = judge(two.features, two.labels, 3, {4: quarters})
    assert judged.alike[4] == max(
        likeness_of(two, quarters, pair) for pair in combinations(range(4), 2)
    )
    assert judged.alike[4] > 0.7


def chosen(train, rule=FEW, with_classes=True):
    z = ClassCentered().fit(train.features, train.labels, 3)(train.features)
    return rule.choose(z, SphericalKMeans(), 0, train if with_classes else None)


@pytest.mark.slow
def test_the_table_has_every_number_from_one(make_features):
    result = chosen(make_features(40, noise=0.3))
    assert [row["n_domains"] for row in result.table] == [1, 2, 3, 4]
    judged = [row["n_domains"] for row in result.table if {"left_out", "alike"} <= set(row)]
    possible = [
        row["n_domains"]
        for row in result.table[1:]
        if row["stability"] >= FEW.least_stability and row["gain"] > FEW.least_gain
    ]
    assert judged == [1, *possible]
    assert result.n_domains in judged


@pytest.mark.slow
def test_without_classes_nothing_is_judged(make_features):
    table = chosen(make_features(40), with_classes=False).table
    assert not any("left_out" in row for row in table)


@pytest.mark.slow
def test_the_best_of_the_stable_numbers_is_taken(make_features, monkeypatch):
    from ldpf.domains.how_many import auto

    rule = Auto(most=4, halvings=2, least_stability=0, least_gain=0, most_alike=1)
    train = make_features(40, noise=0.3)
    possible = [row["n_domains"] for row in chosen(train, rule).table if row.get("gain", 1) > 0]
    assert {1, 2, 3} <= set(possible)

    def prefer(best):
        scores = {n: 0.9 if n == best else 0.5 for n in range(1, 5)}
        judged = auto.Judged(scores, dict.fromkeys(scores, 0.0))
        monkeypatch.setattr(auto, "judge", lambda *_: judged)
        return chosen(train, rule).n_domains

    assert [prefer(best) for best in (1, 2, 3)] == [1, 2, 3]


@pytest.mark.slow
def test_equally_good_numbers_give_the_largest(make_features, monkeypatch):
    from ldpf.domains.how_many import auto

    train = make_features(40, noise=0.1)
    plain = chosen(train, with_classes=False).n_domains
    scores = dict.fromkeys(range(1, 5), 0.7)
    monkeypatch.setattr(auto, "judge", lambda *_: auto.Judged(scores, dict.fromkeys(scores, 0.0)))
    assert plain == 3
    assert chosen(train).n_domains == 3


@pytest.mark.slow
def test_domains_that_are_alike_are_not_kept_apart(make_features, monkeypatch):
    from ldpf.domains.how_many import auto

    train = make_features(40, noise=0.1)
    scores = dict.fromkeys(range(1, 5), 0.7)
    alike = {1: 0.0, 2: 0.5, 3: 0.96, 4: 0.97}
    monkeypatch.setattr(auto, "judge", lambda *_: auto.Judged(scores, alike))
    assert chosen(train).n_domains != 3
    assert chosen(train, Auto(most=4, halvings=2, most_alike=0.97)).n_domains == 3


@pytest.mark.slow
def test_images_of_one_class_are_chosen_by_stability(make_features):
    train = make_features(40, n_classes=1, noise=0.1)
    z = train.features - train.features.mean(dim=0)
    result = FEW.choose(z, SphericalKMeans(), 0, train)
    assert result.n_domains == 3
    assert not any("left_out" in row for row in result.table)
