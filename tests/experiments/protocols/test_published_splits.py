"""The protocols that are a paper's own: DomainBed, CLIPood, Soft Prompt Generation."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from ldpf.data.images import BadImage
from ldpf.errors import DataError
from ldpf.experiments.protocols import get_protocol
from ldpf.experiments.protocols.domainbed_split import seed_hash
from ldpf.features.feature_set import FeatureSet

domainbed, clipood, spg = map(get_protocol, ("domainbed", "clipood", "spg"))
TREE = {
    "clipart": {
        "TV": [f"{i:03d}.jpg" for i in range(17)],
        "Table": [f"t{i}.jpg" for i in range(6)],
    },
    # 'B' comes before 'a' and 'TV' before 'Table' by Python's order, as for ImageFolder.
    "Art": {
        "TV": ["10.jpg", "9.jpg", "sub/3.jpg", "x.jpg"],
        "Table": [f"{i}.jpg" for i in range(9)],
    },
    "Real World": {"TV": [f"{i}.png" for i in range(11)], "Table": ["b.jpg", "B.jpg", "a.jpg"]},
}


@pytest.fixture
def tree(tmp_path):
    for domain, classes in TREE.items():
        for name, files in classes.items():
            for file in files:
                path = tmp_path / domain / name / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"")
    return tmp_path


@pytest.fixture
def data():
    """The features of the tree, in an order that is not ImageFolder's."""
    rows = [
        (f"{domain}/{name}/{file}", ("TV", "Table").index(name), d)
        for d, (domain, classes) in enumerate(TREE.items())
        for name, files in classes.items()
        for file in files
    ]
    order = np.random.default_rng(5).permutation(len(rows))
    paths, labels, domains = zip(*(rows[i] for i in order), strict=True)
    return FeatureSet(
        features=torch.eye(len(rows)),
        labels=torch.tensor(labels),
        domains=torch.tensor(domains),
        class_names=("TV", "table"),
        domain_names=tuple(TREE),
        paths=paths,
    )


def domainbeds_own(root, trial_seed):
    """(out, in) paths of each environment by DomainBed's and ImageFolder's steps on the disk."""
    found = {}
    environments = sorted(e.name for e in os.scandir(root) if e.is_dir())
    for number, environment in enumerate(environments):
        samples = []
        for name in sorted(e.name for e in os.scandir(root / environment) if e.is_dir()):
            for place, _, files in sorted(os.walk(root / environment / name, followlinks=True)):
                samples += [f"{os.path.relpath(place, root)}/{f}" for f in sorted(files)]
        digest = hashlib.md5(str((trial_seed, number)).encode("utf-8")).hexdigest()
        keys = list(range(len(samples)))
        np.random.RandomState(int(digest, 16) % (2**31)).shuffle(keys)
        n = int(len(samples) * 0.2)
        found[environment] = [{samples[k] for k in part} for part in (keys[:n], keys[n:])]
    return found


def test_the_seed_of_an_environment_is_the_md5_of_trial_and_number():
    # printf '(0, 1)' | md5sum ends in 5a41ff51, which is below 2^31
    assert seed_hash(0, 1) == 0x5A41FF51


@pytest.mark.parametrize("trial", [0, 1, 7])
@pytest.mark.parametrize("target", list(TREE))
def test_domainbeds_split_is_drawn_again_image_for_image(target, trial, tree, data):
    own = domainbeds_own(tree, trial)
    episode = domainbed.episode(data, target, trial)
    sources = [name for name in own if name != target]
    assert set(episode.train.paths) == set().union(*(own[name][1] for name in sources))
    assert set(episode.validation.paths) == set().union(*(own[name][0] for name in sources))
    assert set(episode.test.paths) == own[target][1]  # env_in_acc


@pytest.mark.parametrize("seed", [0, 3])
def test_clipood_measures_the_fifth_that_is_held_out_by_one_split_for_all_seeds(seed, tree, data):
    own = domainbeds_own(tree, 0)
    episode = clipood.episode(data, "clipart", seed)
    assert set(episode.test.paths) == own["clipart"][0]
    assert set(episode.train.paths) == own["Art"][1] | own["Real World"][1]
    assert set(episode.validation.paths) == own["Art"][0] | own["Real World"][0]
    assert episode.seed == seed


@pytest.mark.parametrize("protocol", [domainbed, clipood])
def test_groups_are_refused_where_a_split_is_drawn_image_by_image(protocol, data):
    grouped = replace(data, groups=np.array([f"g{i // 2}" for i in range(len(data))]))
    with pytest.raises(DataError) as caught:
        protocol.episode(grouped, "Art", 0)
    assert protocol.registered_name in str(caught.value)
    assert "leave-one-domain-out, which keeps them whole" in str(caught.value)


def test_too_few_images_to_hold_a_fifth_out_are_named(data):
    kept = ("0.jpg", "x.jpg", "a.jpg", "000.jpg")
    few = data.subset(
        [i for i, p in enumerate(data.paths) if p.endswith(tuple(f"/{k}" for k in kept))]
    )
    with pytest.raises(DataError) as caught:
        domainbed.episode(few, "Art", 0)
    assert "No image is held out for validation when the domain 'Art'" in str(caught.value)


def test_splits_and_files_left_out_are_remarked_where_the_split_is_then_another(data):
    assert domainbed.remarks(data) == []
    marked = replace(data, splits=np.full(len(data), "train"))
    assert "domainbed draws its own" in domainbed.remarks(marked)[0]
    skipped = replace(data, skipped=(BadImage("Art/TV/1.jpg", "empty"),))
    assert "1 files were left out" in clipood.remarks(skipped)[0]


# --- Soft Prompt Generation ---------------------------------------------------------------------


@pytest.fixture
def ten(make_features):
    return make_features(10)


def with_lists(data, train="0123456"):
    splits = ["train" if str(i % 10) in train else "val" for i in range(len(data))]
    return replace(data, splits=np.array(splits))


def test_spg_takes_seventy_percent_once_for_all_seeds_and_measures_the_whole_target(ten):
    first, other = (spg.episode(ten, "art", seed) for seed in (0, 1))
    assert first.train.paths == other.train.paths
    assert (first.seed, other.seed) == (0, 1)
    assert len(first.test) == int((ten.domains == 1).sum())
    assert len(first.train) == round(0.7 * int((ten.domains != 1).sum()))
    counts = torch.bincount(first.train.labels)
    assert len(counts.unique()) == 1  # stratified


def test_spg_takes_the_published_lists_where_they_are_there(ten):
    listed = with_lists(ten)
    episode = spg.episode(listed, "art", 2)
    assert set(episode.train.paths) == {
        p
        for p, split, d in zip(listed.paths, listed.splits, listed.domains, strict=True)
        if split == "train" and d != 1
    }
    assert spg.remarks(listed) == []


def test_other_splits_are_not_taken_for_spgs_and_that_is_remarked(ten):
    ninety = with_lists(ten, train="012345678")
    assert spg.episode(ninety, "art", 0).train.paths == spg.episode(ten, "art", 0).train.paths
    assert "drawn once" in spg.remarks(ninety)[0]
    assert "splits that are there are not used" in spg.remarks(ninety)[0]
    assert "splits that are there" not in spg.remarks(ten)[0]
