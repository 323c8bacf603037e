from __future__ import annotations

from itertools import permutations

import pytest
import torch
from sklearn.cluster import KMeans as SklearnKMeans
from threadpoolctl import threadpool_info, threadpool_limits

import ldpf.domains.clustering.kmeans
import ldpf.domains.clustering.sampling
from ldpf.domains.clustering.base import Clustering
from ldpf.domains.clustering.kmeans import KMeans
from ldpf.domains.clustering.matching import group_means, match_to_previous
from ldpf.errors import SettingsError
from ldpf.utils.seed import generator


def blobs(n_each=20, n_blobs=3, dim=4, noise=0.05, seed=0):
    draws = generator(seed, "blobs")
    centers = 3 * torch.randn(n_blobs, dim, generator=generator(0, "centers"))
    ids = torch.arange(n_blobs).repeat_interleave(n_each)
    return centers[ids] + noise * torch.randn(len(ids), dim, generator=draws), ids


def as_partition(ids):
    return {frozenset((ids == s).nonzero().flatten().tolist()) for s in ids.unique()}


def test_well_separated_groups_are_found():
    z, ids = blobs()
    assert as_partition(KMeans().fit(z, 3, seed=0).assignments) == as_partition(ids)


def test_centroids_are_the_means_of_their_images():
    z, _ = blobs()
    clustering = KMeans().fit(z, 3, seed=0)
    for s, centroid in enumerate(clustering.centroids):
        assert torch.allclose(z[clustering.assignments == s].mean(dim=0), centroid, atol=1e-5)


@pytest.mark.parametrize("n_domains", [1, 2, 3, 7, 59, 60])
def test_there_are_exactly_as_many_latent_domains_as_asked_for(n_domains):
    z, _ = blobs()
    clustering = KMeans().fit(z, n_domains, seed=0)
    assert clustering.centroids.shape == (n_domains, 4)
    assert clustering.assignments.unique().tolist() == list(range(n_domains))


def test_one_latent_domain_is_the_mean_of_all():
    z, _ = blobs()
    clustering = KMeans().fit(z, 1, seed=0)
    assert torch.allclose(clustering.centroids[0], z.mean(dim=0), atol=1e-5)
    assert torch.equal(clustering.assignments, torch.zeros(60, dtype=torch.int64))


def test_the_same_seed_gives_the_same_bits():
    z = torch.randn(500, 8, generator=generator(0, "z"))  # no structure: starts matter
    first, second = KMeans().fit(z, 5, seed=3), KMeans().fit(z, 5, seed=3)
    assert torch.equal(first.centroids, second.centroids)
    assert torch.equal(first.assignments, second.assignments)


def test_it_runs_in_one_thread(monkeypatch):
    # Threads add up centroids in the order in which they finish.
    threads, fit = [], SklearnKMeans.fit

    def watched(self, *arguments):
        threads.extend(pool["num_threads"] for pool in threadpool_info())
        return fit(self, *arguments)

    monkeypatch.setattr(SklearnKMeans, "fit", watched)
    with threadpool_limits(limits=2):
        KMeans().fit(blobs()[0], 3, seed=0)
    assert set(threads) == {1}


def test_the_seed_matters():
    z = torch.randn(500, 8, generator=generator(0, "z"))
    assert not torch.equal(
        KMeans().fit(z, 5, seed=3).centroids, KMeans().fit(z, 5, seed=4).centroids
    )


def test_large_seeds_are_taken():
    z, ids = blobs()
    assert as_partition(KMeans().fit(z, 3, seed=2**63 - 1).assignments) == as_partition(ids)


def test_beyond_the_sample_size_every_image_is_still_assigned(monkeypatch):
    monkeypatch.setattr(ldpf.domains.clustering.sampling, "MAX_FIT_SAMPLES", 30)
    z, ids = blobs(n_each=40)
    clustering = KMeans().fit(z, 3, seed=0)
    assert as_partition(clustering.assignments) == as_partition(ids)
    assert torch.equal(clustering.assignments, KMeans().fit(z, 3, seed=0).assignments)


@pytest.mark.parametrize(
    ("images", "n_domains", "sentence"),
    [
        (torch.zeros(5, 2), 0, "n_domains=0 should be a whole number of at least 1."),
        (
            torch.eye(3),
            5,
            "n_samples=3 should be >= n_domains=5: every latent domain needs at least one training "
            "image. Use fewer latent domains or more images.",
        ),
        (
            torch.eye(2).repeat(50, 1),
            3,
            "n_distinct_samples=2 should be >= n_domains=3: the 100 training images hold only 2 "
            "different ones. Use fewer latent domains or more images.",
        ),
    ],
)
def test_more_latent_domains_than_images_are_refused(images, n_domains, sentence):
    with pytest.raises(SettingsError) as caught:
        KMeans().fit(images, n_domains, seed=0)
    assert str(caught.value) == sentence


def test_as_many_latent_domains_as_different_images_are_possible():
    z = torch.eye(3).repeat(50, 1)
    assert as_partition(KMeans().fit(z, 3, seed=0).assignments) == as_partition(
        torch.arange(3).repeat(50)
    )


def test_many_equal_images_first_do_not_hide_the_others():
    # The quick look at the first rows sees one image only; there are three.
    z = torch.cat([torch.zeros(500, 3), torch.eye(3)[:2]])
    assert len(KMeans().fit(z, 3, seed=0).assignments.unique()) == 3


def test_matching_restores_permuted_ids():
    z, _ = blobs()
    before = KMeans().fit(z, 3, seed=0)
    for order in permutations(range(3)):
        rename = torch.tensor(order)
        centroids = torch.empty_like(before.centroids)
        centroids[rename] = before.centroids
        matched = match_to_previous(
            before.assignments, Clustering(centroids, rename[before.assignments])
        )
        assert torch.equal(matched.assignments, before.assignments)
        assert torch.equal(matched.centroids, before.centroids)


def test_matching_keeps_as_many_images_as_the_best_of_all_permutations():
    draws = generator(0, "matching")
    for _ in range(50):
        previous = torch.randint(4, (25,), generator=draws)
        current = torch.randint(4, (25,), generator=draws)
        matched = match_to_previous(previous, Clustering(torch.zeros(4, 2), current))
        best = max(
            int((torch.tensor(order)[current] == previous).sum())
            for order in permutations(range(4))
        )
        assert int((matched.assignments == previous).sum()) == best


def test_matching_only_renames():
    draws = generator(0, "matching")
    previous = torch.randint(4, (40,), generator=draws)
    current = Clustering(torch.randn(4, 2, generator=draws), torch.arange(40) % 4)
    matched = match_to_previous(previous, current)
    assert as_partition(matched.assignments) == as_partition(current.assignments)
    for new, old in zip(matched.assignments, current.assignments, strict=True):
        assert torch.equal(matched.centroids[new], current.centroids[old])


def test_group_means_are_the_means_of_the_groups():
    values = torch.tensor([[1.0, 0.0], [3.0, 4.0], [5.0, 6.0]])
    means = group_means(values, torch.tensor([1, 0, 1]), 2)
    assert torch.equal(means, torch.tensor([[3.0, 4.0], [3.0, 3.0]]))
