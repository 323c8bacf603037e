"""Features that stay on disk give what features that are read at once give."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from ldpf.data import arrays_on_disk, load_dataset
from ldpf.errors import DataError
from ldpf.features import rows
from ldpf.features.cache import FeatureCache, FileKeys
from ldpf.features.extract import extract_features
from ldpf.features.rows import CachedRows, GivenRows


@pytest.fixture
def kept_on_disk(monkeypatch):
    monkeypatch.setattr(rows, "LARGE_BYTES", 1)
    monkeypatch.setattr(arrays_on_disk, "LARGE_BYTES", 1)


@pytest.fixture
def embeddings(tmp_path):
    """Eight embeddings in an array, with a table of their labels and domains."""
    values = np.random.default_rng(0).standard_normal((8, 16), np.float32)
    np.save(tmp_path / "known.npy", values)
    lines = [f"{'cat' if i % 2 else 'dog'},{'day' if i < 4 else 'night'}" for i in range(8)]
    (tmp_path / "known.csv").write_text("\n".join(["label,domain", *lines]))
    return tmp_path / "known.npy"


def held(features):
    return vars(features)["features"]


def images(folder, backbone, cache):
    return extract_features(load_dataset(folder), backbone, cache_dir=cache, progress=False)


@pytest.fixture
def folder(image_tree):
    return image_tree({"photo/dog": 3, "photo/cat": 2, "art/dog": 3, "art/cat": 4})


@pytest.fixture
def both(folder, tiny_backbone, tmp_path, request):
    """The same cached features, read at once and left on disk."""
    at_once = images(folder, tiny_backbone, tmp_path / "cache")
    request.getfixturevalue("kept_on_disk")
    return at_once, images(folder, tiny_backbone, tmp_path / "cache")


def test_cached_features_are_the_same_left_on_disk(both):
    at_once, left = both
    assert isinstance(held(left), CachedRows) and len(left) == len(at_once)
    assert torch.equal(left.features, at_once.features)
    assert np.array_equal(left.contents, at_once.contents)


def test_a_split_reads_nothing_and_gives_the_same_parts(both):
    at_once, left = both
    parts = left.split(seed=1)
    assert all(isinstance(held(part), CachedRows) for part in parts)
    for part, expected in zip(parts, at_once.split(seed=1), strict=True):
        assert part.paths == expected.paths
        assert torch.equal(part.features, expected.features)
    assert isinstance(held(left), CachedRows)  # the whole was never read


def test_rows_may_repeat_and_be_in_any_order(both):
    at_once, left = both
    some = left.subset([3, 0, 3]).subset([2, 1])
    assert isinstance(held(some), CachedRows)
    assert torch.equal(some.features, at_once.features[[3, 0]])


def test_the_digest_is_the_same_and_keeps_nothing_in_memory(both):
    at_once, left = both
    assert left.digest() == at_once.digest()
    assert isinstance(held(left), CachedRows)


def test_what_goes_to_another_process_needs_no_files(both):
    at_once, left = both
    sent = pickle.loads(pickle.dumps(left))
    assert isinstance(held(sent), torch.Tensor)
    assert torch.equal(sent.features, at_once.features)


def test_other_classes_leave_the_features_on_disk(both):
    _, left = both
    renamed = left.with_classes_of((*left.class_names, "another"))
    assert isinstance(held(renamed), CachedRows)


def test_a_cache_that_vanishes_is_said(both):
    _, left = both
    for file in held(left).files:
        file.unlink()
    with pytest.raises(DataError, match=r"shard-.*held features when this began.*run this again"):
        _ = left.features


def test_new_images_are_encoded_beside_those_left_on_disk(
    folder, tiny_backbone, tmp_path, kept_on_disk
):
    first = images(folder, tiny_backbone, tmp_path / "cache")
    file = folder / "art/cat/001.png"
    new = folder / "art/cat/new.png"
    new.write_bytes(file.read_bytes())
    both = images(folder, tiny_backbone, tmp_path / "cache")
    assert len(both) == len(first) + 1
    row, same = (both.paths.index(f"art/cat/{name}.png") for name in ("new", "001"))
    assert torch.equal(both.features[row], both.features[same])


def test_embeddings_are_the_same_left_on_disk(embeddings, tiny_backbone, request):
    width = tiny_backbone.embed_dim
    np.save(embeddings, np.random.default_rng(0).standard_normal((8, width), np.float32))
    at_once = images(embeddings, tiny_backbone, None)
    request.getfixturevalue("kept_on_disk")
    left = images(embeddings, tiny_backbone, None)
    assert isinstance(held(left), GivenRows)
    for part, expected in zip(left.split(seed=0), at_once.split(seed=0), strict=True):
        assert torch.equal(part.features, expected.features)
    assert torch.equal(left.features, at_once.features)


def test_embeddings_left_on_disk_are_refused_as_others(embeddings, tiny_backbone, kept_on_disk):
    values = np.ones((8, tiny_backbone.embed_dim), np.float32)
    values[5] = 0
    np.save(embeddings, values)
    with pytest.raises(DataError, match=r"row 5 .* zeros only"):
        images(embeddings, tiny_backbone, None)


def test_rows_of_several_files_come_to_their_places(tmp_path):
    cache = FeatureCache(tmp_path / "cache", tmp_path, "ab" * 32, 4)
    cache.require_writable()
    names = [f"{i}.png" for i in range(7)]
    for i in (5, 0, 3, 6, 1, 4, 2):
        cache.add(names[i], 10, 7, b"s" * 32, np.full(4, i, np.float32))
        if i in (3, 1):
            cache.flush()
    cache.flush()
    keys = FileKeys(tuple(names), np.full(7, 10), np.full(7, 7))
    places, found = cache.places(keys)
    assert len(places.files) == 3 and found.all()
    assert places.read()[:, 0].tolist() == list(range(7))
    assert places.take(np.array([6, 2, 2, 5])).read()[:, 0].tolist() == [6, 2, 2, 5]
    some = torch.full((7, 4), -1.0)
    places.copy_to(some, np.array([4, 0, 6]))
    assert some[:, 0].tolist() == [0, -1, -1, -1, 4, -1, 6]
