"""Files are found in the cache by what they hold."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from ldpf.data import load_dataset
from ldpf.features.cache import FeatureCache
from ldpf.features.encode import stream_features
from ldpf.features.extract import encode_dataset

FINGERPRINT = "cd" * 32


@pytest.fixture
def photos(tmp_path: Path, image_tree) -> Path:
    return image_tree({"a/cat": 3, "a/dog": 3}, tmp_path / "photos")


def encoded(folder: Path, backbone, cache: Path):
    return encode_dataset(load_dataset(folder), backbone, cache_dir=cache, progress=False)


def test_a_renamed_folder_is_not_encoded_again(photos, tiny_backbone, tmp_path) -> None:
    first = encoded(photos, tiny_backbone, tmp_path / "cache")
    decoded = tiny_backbone.preprocessed
    moved = encoded(photos.rename(tmp_path / "moved"), tiny_backbone, tmp_path / "cache")
    assert (first.encoded, moved.encoded, moved.cached) == (6, 0, 6)
    assert tiny_backbone.preprocessed == decoded
    assert torch.equal(first.features.features, moved.features.features)
    assert moved.features.digest() == first.features.digest()


def test_a_copied_file_under_another_name_is_found_and_a_new_one_encoded(
    photos, tiny_backbone, tmp_path, write_image
) -> None:
    first = encoded(photos, tiny_backbone, tmp_path / "cache")
    other = tmp_path / "other" / "a"
    shutil.copytree(photos / "a", other)
    (other / "dog" / "000.png").rename(other / "dog" / "zzz.png")
    write_image(other / "dog" / "new.png", seed=99)
    again = encoded(tmp_path / "other", tiny_backbone, tmp_path / "cache")
    assert (again.encoded, again.cached) == (1, 6)
    rows = dict(zip(again.features.paths, again.features.features, strict=True))
    assert torch.equal(rows["a/dog/zzz.png"], first.features.features[3])


def test_a_file_of_the_same_size_and_other_content_is_encoded(
    photos, tiny_backbone, tmp_path
) -> None:
    first = encoded(photos, tiny_backbone, tmp_path / "cache")
    moved = photos.rename(tmp_path / "moved")
    file = moved / "a" / "cat" / "000.png"
    status = file.stat()
    file.write_bytes(file.read_bytes() + b"\0")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    again = encoded(moved, tiny_backbone, tmp_path / "cache")
    assert (first.encoded, again.encoded) == (6, 1)


def test_what_was_found_is_found_by_its_path_the_next_time(photos, tiny_backbone, tmp_path) -> None:
    encoded(photos, tiny_backbone, tmp_path / "cache")
    moved = photos.rename(tmp_path / "moved")
    encoded(moved, tiny_backbone, tmp_path / "cache")
    cache = FeatureCache(tmp_path / "cache", moved, tiny_backbone.fingerprint, 16)
    assert len(list(cache.folder.glob("shard-*"))) == 1


def test_predictions_take_features_from_the_cache(photos, tiny_backbone, tmp_path) -> None:
    first = encoded(photos, tiny_backbone, tmp_path / "cache")
    known = FeatureCache(tmp_path / "cache", Path(), tiny_backbone.fingerprint, 16).known_contents()
    decoded = tiny_backbone.preprocessed
    files = sorted(photos.glob("*/*/*.png"))
    rows = [feature for _, feature, _ in stream_features(files, tiny_backbone, known=known)]
    assert tiny_backbone.preprocessed == decoded
    assert torch.equal(torch.stack(rows), first.features.features)


def test_features_of_another_backbone_are_not_taken(photos, tiny_backbone, tmp_path) -> None:
    encoded(photos, tiny_backbone, tmp_path / "cache")
    assert not len(FeatureCache(tmp_path / "cache", Path(), FINGERPRINT, 16).known_contents())


@pytest.mark.parametrize("damage", ["cut", "flip", "version"])
def test_a_damaged_or_older_shard_gives_no_feature(
    damage, photos, tiny_backbone, tmp_path, monkeypatch
) -> None:
    encoded(photos, tiny_backbone, tmp_path / "cache")
    cache = FeatureCache(tmp_path / "cache", Path(), tiny_backbone.fingerprint, 16)
    (shard,) = cache.folder.parent.glob("*/shard-*")
    content = bytearray(shard.read_bytes())
    if damage == "cut":
        shard.write_bytes(content[:-9])
    elif damage == "flip":
        content[-len(content) // 2] ^= 1
        shard.write_bytes(content)
    else:
        monkeypatch.setattr("ldpf.features.cache.READING_VERSION", "another")
    digest = hashlib.sha256((photos / "a" / "cat" / "000.png").read_bytes()).digest()
    assert cache.known_contents().feature(digest) is None


def test_digests_that_begin_alike_are_told_apart(tmp_path) -> None:
    cache = FeatureCache(tmp_path / "cache", tmp_path, FINGERPRINT, 4)
    cache.require_writable()
    for last in (1, 2):
        digest = b"s" * 31 + bytes([last])
        cache.add(f"{last}.png", 10, 7, digest, np.full(4, last, np.float32))
    cache.flush()
    known = cache.known_contents()
    found = known.feature(b"s" * 31 + b"\2")
    assert found is not None and found.tolist() == [2.0] * 4
    assert known.feature(b"s" * 31 + b"\3") is None and len(known) == 2
