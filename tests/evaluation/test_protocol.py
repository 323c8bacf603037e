from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ldpf.errors import DataError
from ldpf.evaluation.protocol import leave_one_domain_out


@pytest.fixture(scope="module")
def data(make_features):
    return make_features(5)


def paths(features):
    return set(features.paths)


# --- who is trained on what -------------------------------------------------------------------


def test_the_target_is_the_test_set_and_nothing_else(data):
    episode = leave_one_domain_out(data, "art", seed=0)
    assert paths(episode.test) == {
        p for p, d in zip(data.paths, data.domains, strict=True) if data.domain_names[d] == "art"
    }
    for part in (episode.train, episode.validation):
        assert "art" not in {data.domain_names[d] for d in part.domains}


def test_every_source_image_is_either_trained_on_or_validated_on(data):
    episode = leave_one_domain_out(data, "art", seed=0)
    train, validation, test = map(paths, (episode.train, episode.validation, episode.test))
    assert train | validation | test == set(data.paths)
    assert not train & validation and not (train | validation) & test


@pytest.mark.parametrize(("fraction", "n_train"), [(0.8, 12), (0.6, 9)])
def test_each_source_domain_is_divided_by_the_fraction(fraction, n_train, data):
    episode = leave_one_domain_out(data, "art", seed=0, train_fraction=fraction)
    counts = torch.bincount(episode.train.domains, minlength=3).tolist()
    assert counts == [n_train, 0, n_train]


def test_the_seed_drives_the_split(data):
    first, again, other = (leave_one_domain_out(data, "art", seed) for seed in (0, 0, 1))
    assert first.train.paths == again.train.paths
    assert first.train.paths != other.train.paths
    assert first.test.paths == other.test.paths


def test_a_sources_split_does_not_depend_on_which_domain_is_left_out(data):
    sketches = [
        {p for p, d in zip(e.train.paths, e.train.domains, strict=True) if d == 2}
        for e in (leave_one_domain_out(data, target, 0) for target in ("photo", "art"))
    ]
    assert sketches[0] == sketches[1]


def with_splits(data, marks):
    return replace(data, splits=np.asarray([marks[i % len(marks)] for i in range(len(data))]))


def test_splits_of_a_manifest_are_kept(data):
    marked = with_splits(data, ["train", "train", "val", "test"])
    episode = leave_one_domain_out(marked, "art", seed=0)
    assert set(episode.train.splits) == {"train"}
    assert set(episode.validation.splits) == {"val"}
    assert set(episode.test.splits) == {"test"}
    sources = (data.domains != 1).numpy()
    assert len(episode.train) == (sources & (marked.splits == "train")).sum()
    assert len(episode.validation) == (sources & (marked.splits == "val")).sum()
    assert len(episode.test) == (~sources & (marked.splits == "test")).sum()


def test_without_a_test_mark_all_of_the_target_is_tested_on(data):
    episode = leave_one_domain_out(with_splits(data, ["train", "val"]), "art", seed=0)
    assert len(episode.test) == int((data.domains == 1).sum())


def test_images_without_domains_cannot_be_left_out(data):
    with pytest.raises(DataError) as caught:
        leave_one_domain_out(replace(data, domains=None, domain_names=()), "art", 0)
    assert str(caught.value) == (
        "Leaving one domain out needs known domains, but these images have none: arrange them as "
        "domain/class/image, or give a manifest with a 'domain' column. Without domains, 'ldpf "
        "train' and 'ldpf evaluate' do the work."
    )


def test_a_single_domain_cannot_be_left_out(data):
    single = replace(data, domains=torch.zeros_like(data.domains), domain_names=("photo",))
    with pytest.raises(DataError) as caught:
        leave_one_domain_out(single, "photo", 0)
    assert str(caught.value) == (
        "Leaving one domain out needs at least 2 domains, but there is only 'photo'."
    )


def test_an_unknown_target_is_named_with_the_domains_there_are(data):
    with pytest.raises(DataError) as caught:
        leave_one_domain_out(data, "cartoon", 0)
    assert str(caught.value) == (
        "There is no domain 'cartoon'; the domains are photo, art, sketch."
    )


@pytest.mark.parametrize(
    ("kept", "place"), [(lambda d: d != 1, "in"), (lambda d: d == 1, "outside of")]
)
def test_a_domain_that_leaves_nothing_to_test_or_train_on_is_named(kept, place, data):
    some = data.subset(kept(data.domains))
    with pytest.raises(DataError) as caught:
        leave_one_domain_out(some, "art", 0)
    assert str(caught.value) == (
        f"There is no image {place} the domain 'art', so it cannot be left out; choose another "
        "target or give more images."
    )
