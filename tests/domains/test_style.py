from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ldpf.domains import DiscoverySettings, DomainDiscovery
from ldpf.domains.diagnosis import discovery_words
from ldpf.domains.diagnostics import nmi
from ldpf.domains.disentangle.adversarial import Adversarial
from ldpf.domains.style import nearest_map
from ldpf.errors import DataError, SettingsError
from ldpf.utils.seed import generator

STYLE = DiscoverySettings(features="style")


@pytest.fixture(scope="module")
def train(make_features):
    """Features of three domains with style statistics of two other groups: odd and even rows."""
    data = make_features(20, dim=32)
    group = torch.arange(len(data)) % 2
    draws = generator(0, "style")
    centers = torch.randn(2, 6, generator=draws)
    style = 5 * centers[group] + torch.randn(len(data), 6, generator=draws)
    style[:, 0] *= 1000  # a channel of another scale
    # The image features tell the group too, but not as their strongest difference.
    push = torch.zeros(len(data), 32)
    push[:, 0] = 0.4 * (group - 0.5)
    return replace(data, features=data.features + push, style=style), group


def discover(train, settings=STYLE, n_domains=2):
    settings = replace(settings, n_domains=n_domains)
    discovery = DomainDiscovery(train, train.subset([]), settings, 0)
    discovery.run()
    return discovery


def test_domains_are_clusters_of_the_statistics(train):
    data, group = train
    assert nmi(discover(data).assignments, group) > 0.95
    assert nmi(discover(data, DiscoverySettings()).assignments, group) < 0.2


def test_new_images_are_assigned_by_their_features(train):
    data, _ = train
    discovery = discover(data)
    again = discovery.latent_domains().assign(data.features)
    assert float((again == discovery.assignments).double().mean()) > 0.9
    measured = discovery.measure()
    assert measured["style_followed"] == float((again == discovery.assignments).double().mean())
    assert any("clusters of style statistics" in words for words in discovery_words(measured))


def test_statistics_that_features_do_not_tell_are_clustered_all_the_same(train):
    data, group = train
    data = replace(
        data, features=data.features[torch.randperm(len(data), generator=generator(2, "order"))]
    )
    discovery = discover(data)
    assert nmi(discovery.assignments, group) > 0.95
    assert discovery.measure()["style_followed"] < 0.9


def test_the_map_is_the_least_squares_one(train):
    data, _ = train
    target = data.features @ torch.randn(32, 4, generator=generator(1, "map"))
    target = target - target.mean(dim=0)
    found = nearest_map(data.features, target)(data.features)
    assert float((found - target).square().sum() / target.square().sum()) < 0.02


@pytest.mark.slow
def test_the_number_is_chosen_on_the_statistics(train):
    assert discover(train[0], n_domains="auto").n_domains == 2


def test_features_without_statistics_are_refused(make_features):
    with pytest.raises(DataError, match="features='style' needs style statistics"):
        discover(make_features(20))


def test_a_disentangler_that_learns_is_refused(train):
    settings = replace(STYLE, disentangle=Adversarial())
    with pytest.raises(SettingsError, match="disentangle='adversarial' should be one"):
        discover(train[0], settings)


def test_statistics_that_are_all_the_same_are_one_domain(train, caplog):
    data = replace(train[0], style=torch.ones_like(train[0].style))
    assert discover(data, n_domains=3).n_domains == 1
    assert "1 latent domains instead of 3" in caplog.text


def test_subsets_and_joined_sets_keep_their_rows(train):
    data, _ = train
    first, rest = data.subset([3, 1]), data.subset([2])
    assert torch.equal(first.joined(rest).style, data.style[[3, 1, 2]])
    assert first.digest() != replace(first, style=None).digest()
