from __future__ import annotations

import os
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from ldpf.errors import DataError
from ldpf.features import cache as feature_cache
from ldpf.features.cache import FeatureCache, FileKeys, mtime_of

FINGERPRINT = "ab" * 32


def keys(paths, sizes=None, mtimes=None, sha256=None):
    count = len(paths)
    return FileKeys(
        tuple(paths),
        np.array(sizes if sizes is not None else [10] * count, np.int64),
        np.array(mtimes if mtimes is not None else [7] * count, np.int64),
        sha256,
    )


def feature(value):
    return np.full(4, value, np.float32)


@pytest.fixture
def cache(tmp_path):
    cache = FeatureCache(tmp_path / "cache", tmp_path, FINGERPRINT, 4)
    cache.require_writable()
    return cache


def put(cache, *rows):
    for path, value in rows:
        cache.add(path, 10, 7, b"s" * 32, feature(value))
    cache.flush()


def shards(cache):
    return sorted(cache.folder.glob("shard-*.safetensors"))


def test_rows_are_found_by_path_in_any_order(cache):
    put(cache, ("a", 1.0), ("b", 2.0), ("c", 3.0))
    features, found = cache.lookup(keys(["c", "x", "a"]))
    assert found.tolist() == [True, False, True]
    assert features[found].tolist() == [[3.0] * 4, [1.0] * 4] and features.dtype == torch.float32


@pytest.mark.parametrize("change", [{"sizes": [11]}, {"mtimes": [8]}])
def test_another_size_or_time_is_another_file(cache, change):
    put(cache, ("a", 1.0))
    assert not cache.lookup(keys(["a"], **change))[1].any()


def test_contents_are_compared_where_digests_are_given(cache):
    put(cache, ("a", 1.0))
    same, other = (np.frombuffer(c * 32, np.uint8)[None] for c in (b"s", b"t"))
    assert cache.lookup(keys(["a"], sha256=same))[1].all()
    assert not cache.lookup(keys(["a"], sha256=other))[1].any()


def test_a_reader_merges_all_shards_and_the_newest_row_wins(cache):
    put(cache, ("a", 1.0), ("b", 2.0))
    put(cache, ("a", 5.0), ("c", 3.0))
    features, found = cache.lookup(keys(["a", "b", "c"]))
    assert found.all() and features[:, 0].tolist() == [5.0, 2.0, 3.0]


def test_names_may_hold_any_bytes_but_nul(cache):
    names = ["a\nb.jpg", "\u732b.jpg", os.fsdecode(b"\xff.jpg"), "/outside/x.jpg"]
    put(cache, *((name, i) for i, name in enumerate(names)))
    features, found = cache.lookup(keys(names))
    assert found.all() and features[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_backbones_and_datasets_have_folders_of_their_own(tmp_path, cache):
    put(cache, ("a", 1.0))
    assert cache.folder.parent == tmp_path / "cache/features" / FINGERPRINT[:16]
    others = [
        FeatureCache(tmp_path / "cache", tmp_path, "cd" * 32, 4),
        FeatureCache(tmp_path / "cache", tmp_path / "other", FINGERPRINT, 4),
    ]
    for other in others:
        assert not other.lookup(keys(["a"]))[1].any()


def test_a_link_to_the_dataset_finds_the_same_features(tmp_path, cache):
    put(cache, ("a", 1.0))
    (tmp_path / "link").symlink_to(tmp_path)
    linked = FeatureCache(tmp_path / "cache", tmp_path / "link", FINGERPRINT, 4)
    assert linked.lookup(keys(["a"]))[1].all()


def test_a_fingerprint_with_the_same_beginning_is_still_another_backbone(tmp_path, cache):
    put(cache, ("a", 1.0))
    other = FeatureCache(tmp_path / "cache", tmp_path, FINGERPRINT[:-1] + "c", 4)
    assert other.folder == cache.folder and not other.lookup(keys(["a"]))[1].any()
    assert len(shards(cache)) == 1  # and it is left alone


def test_another_version_of_reading_images_is_not_used(tmp_path, cache, monkeypatch):
    put(cache, ("a", 1.0))
    monkeypatch.setattr(feature_cache, "READING_VERSION", "0")
    assert not cache.lookup(keys(["a"]))[1].any() and len(shards(cache)) == 1


@pytest.mark.parametrize("damage", ["cut", "empty", "garbage", "bit in the data", "bit in a name"])
def test_a_damaged_shard_is_removed_with_a_warning_and_the_others_are_used(cache, damage):
    put(cache, ("aaaa", 1.0))
    put(cache, ("bbbb", 2.0))
    file = shards(cache)[1]
    content = bytearray(file.read_bytes())
    if damage == "cut":
        content = content[:-9]
    elif damage == "empty":
        content = bytearray()
    elif damage == "garbage":
        content = bytearray(os.urandom(500))
    else:
        place = feature(2.0).tobytes() if damage == "bit in the data" else b"bbbb"
        content[content.index(place)] ^= 4
    file.write_bytes(content)
    with pytest.warns(UserWarning, match=f"removed the damaged feature file {file}"):
        features, found = cache.lookup(keys(["aaaa", "bbbb"]))
    assert found.tolist() == [True, False] and features[0].tolist() == [1.0] * 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.lookup(keys(["aaaa", "bbbb"]))  # and nobody hears of it again


def test_a_shard_that_cannot_be_opened_is_left_alone(cache, monkeypatch):
    put(cache, ("a", 1.0))
    file = shards(cache)[0]
    stat = Path.stat

    def refuse(self, **options):
        if self == file:
            raise PermissionError(13, "Permission denied")
        return stat(self, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.warns(UserWarning, match="cannot be read: .*Permission denied"):
        assert not cache.lookup(keys(["a"]))[1].any()
    monkeypatch.undo()
    assert file.exists()


def test_a_shard_removed_by_another_process_meanwhile_is_passed_over(cache, monkeypatch):
    put(cache, ("a", 1.0))
    glob = Path.glob
    gone = cache.folder / "shard-9.safetensors"
    monkeypatch.setattr(Path, "glob", lambda self, pattern: [*glob(self, pattern), gone])
    assert cache.lookup(keys(["a"]))[1].all()


def test_temporary_files_are_never_read_and_removed_when_old(cache):
    put(cache, ("a", 1.0))
    fresh, stale = cache.folder / ".fresh.tmp", cache.folder / ".stale.tmp"
    for file in (fresh, stale):
        file.write_bytes(b"half a shard")
    two_days_ago = time.time() - 2 * 86_400
    os.utime(stale, (two_days_ago, two_days_ago))
    assert cache.lookup(keys(["a"]))[1].all()
    cache.require_writable()
    assert fresh.exists() and not stale.exists()


def test_rows_are_written_when_enough_have_come(cache, monkeypatch):
    monkeypatch.setattr(feature_cache, "FLUSH_IMAGES", 3)
    for i in range(7):
        cache.add(str(i), 10, 7, b"s" * 32, feature(i))
    assert [len(load_file(file)["sizes"]) for file in shards(cache)] == [3, 3]
    cache.flush()
    assert len(shards(cache)) == 3
    cache.flush()
    assert len(shards(cache)) == 3  # nothing new, nothing written


def test_rows_are_written_when_enough_time_has_passed(cache, monkeypatch):
    monkeypatch.setattr(feature_cache, "FLUSH_SECONDS", 0.05)
    cache.add("a", 10, 7, b"s" * 32, feature(1))
    time.sleep(0.06)
    cache.add("b", 10, 7, b"s" * 32, feature(1))
    assert len(shards(cache)) == 1


def test_a_cache_that_cannot_be_written_is_an_error_before_any_work(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    cache = FeatureCache(tmp_path / "file", tmp_path, FINGERPRINT, 4)
    with pytest.raises(DataError) as error:
        cache.require_writable()
    assert str(error.value).startswith(f"cannot write features to the cache folder {cache.folder}:")
    assert str(error.value).endswith("(cache_dir or $LDPF_CACHE)")


def test_a_full_disk_leaves_no_half_shard(cache, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    cache.add("a", 10, 7, b"s" * 32, feature(1))
    with pytest.raises(DataError, match="No space left on device; make room or choose another"):
        cache.flush()
    assert list(cache.folder.iterdir()) == []
    monkeypatch.undo()
    cache.flush()  # the rows were kept
    assert cache.lookup(keys(["a"]))[1].all()


@pytest.mark.parametrize("seconds", [0, -1, 2**33, 2**40, -(2**40)])
def test_every_time_of_a_file_can_be_kept(seconds):
    status = SimpleNamespace(st_mtime_ns=seconds * 10**9)
    assert np.int64(mtime_of(status)) == mtime_of(status)
    if abs(seconds) < 2**33:
        assert mtime_of(status) == seconds * 10**9


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_pipe_among_the_shards_is_left_out_and_not_waited_for(tmp_path, cache):
    cache.folder.mkdir(parents=True, exist_ok=True)
    os.mkfifo(cache.folder / "shard-0.safetensors")
    with pytest.warns(UserWarning, match="not a regular file"):
        assert list(cache._shards()) == []
