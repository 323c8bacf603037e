"""What a few images say of encoding all of them, and what stands in for the others."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from ldpf.data import load_dataset
from ldpf.features import sampling
from ldpf.features.extract import extract_features
from ldpf.features.sampling import cache_bytes, measured_rate, sample_encoding, spread, stand_ins


@pytest.fixture
def dataset(image_tree, tmp_path):
    return load_dataset(image_tree({"art/cat": 30, "art/dog": 30}, tmp_path / "photos"))


def test_what_is_not_cached_is_counted_and_nothing_is_kept(dataset, tiny_backbone, tmp_path):
    cache = tmp_path / "cache"
    sample = sample_encoding(dataset, tiny_backbone, cache, seconds=0)
    assert (sample.encoded, sample.unreadable) == (60, 0)
    assert not list(cache.rglob("shard-*"))
    extract_features(dataset.subset(range(20)), tiny_backbone, cache_dir=cache, progress=False)
    assert sample_encoding(dataset, tiny_backbone, cache, seconds=0).encoded == 40


def test_two_batches_are_enough_and_seconds_may_ask_for_more(dataset, tiny_backbone, tmp_path):
    assert sample_encoding(dataset, tiny_backbone, tmp_path, seconds=0).looked_at == 32
    assert sample_encoding(dataset, tiny_backbone, tmp_path, seconds=60).looked_at == 60


def test_known_features_are_the_images_own(dataset, tiny_backbone, tmp_path):
    sample = sample_encoding(dataset, tiny_backbone, tmp_path, seconds=60)
    own = extract_features(dataset, tiny_backbone, cache_dir=tmp_path / "c", progress=False)
    assert torch.allclose(sample.features, own.features, atol=0.02)  # batches of another size


def test_all_cached_has_nothing_to_encode(dataset, tiny_backbone, tmp_path):
    extract_features(dataset, tiny_backbone, cache_dir=tmp_path, progress=False)
    before = tiny_backbone.preprocessed
    sample = sample_encoding(dataset, tiny_backbone, tmp_path)
    assert (sample.encoded, sample.rate, sample.cache_bytes) == (0, None, 0)
    assert tiny_backbone.preprocessed == before


def test_bad_images_of_the_sample_are_counted(dataset, tiny_backbone, tmp_path):
    for i in range(0, 60, 2):
        dataset.file(i).write_bytes(b"no image")
    sample = sample_encoding(dataset, tiny_backbone, tmp_path / "c", seconds=60)
    assert (sample.looked_at, sample.unreadable) == (60, 30)


def test_bytes_are_those_that_the_cache_then_takes(dataset, tiny_backbone, tmp_path):
    told = sample_encoding(dataset, tiny_backbone, tmp_path, seconds=0).cache_bytes
    extract_features(dataset, tiny_backbone, cache_dir=tmp_path, progress=False)
    (shard,) = tmp_path.rglob("shard-*")
    assert 0 < shard.stat().st_size - told < 1000  # the header
    assert told == cache_bytes(dataset.paths, 16)


def test_the_first_batch_is_left_out_of_the_higher_rate(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(sampling.time, "perf_counter", lambda: clock[0])

    def items():
        for i in itertools.count():
            clock[0] += 10 if i == 0 else 0.5
            yield i

    taken, rate = measured_rate(items(), batch=4, seconds=15)
    assert len(taken) == 12  # after 10 + 11 * 0.5 = 15.5 s
    assert (rate.low, rate.high) == (12 / 15.5, 2.0)


def test_fewer_than_a_batch_have_a_rate_too():
    taken, rate = measured_rate(iter([1, 2, 3]), batch=4, seconds=1)
    assert taken == [1, 2, 3]
    assert 0 < rate.low == rate.high


def test_a_sample_is_spread_over_everything_and_mixed():
    few = spread(range(10_000))
    assert len(set(few)) == sampling.SAMPLE
    assert (min(few), max(few)) == (0, 9_999)
    assert few != sorted(few)
    assert sorted(spread(range(5))) == [0, 1, 2, 3, 4]


def test_stand_ins_are_of_length_one_nearest_to_their_class_and_leave_known_rows():
    known = np.zeros(400, bool)
    known[:10] = True
    features = torch.nn.functional.normalize(torch.ones(400, 64), dim=1)
    labels = np.arange(400) % 4
    made = stand_ins(features.clone(), known, labels, None)
    assert torch.equal(made[:10], features[:10])
    assert torch.allclose(made.norm(dim=1), torch.ones(400), atol=1e-5)
    centers = torch.stack([made[10:][labels[10:] == k].mean(dim=0) for k in range(4)])
    nearest = (made[10:] @ torch.nn.functional.normalize(centers, dim=1).T).argmax(dim=1)
    assert (nearest.numpy() == labels[10:]).mean() > 0.9
