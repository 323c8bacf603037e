"""Images that a command is given."""

from __future__ import annotations

import pytest

from ldpf.errors import DataError
from ldpf.utils.shards import Shard
from ldpf.workflows.given_images import count_images, find_images


def test_walking_is_lazy(image_tree):
    images = image_tree({"a": 3, "b": 3})
    walk = find_images([str(images)])
    assert next(walk) == images / "a" / "000.png"
    (images / "b" / "later.png").write_bytes(b"x")
    assert images / "b" / "later.png" in list(walk)


def test_a_missing_path_is_found_before_any_image_is_read(image_tree, tmp_path):
    images = image_tree({"a": 3})
    with pytest.raises(DataError, match=f"there is no file or folder {tmp_path / 'gone'}: "):
        next(find_images([str(images), str(tmp_path / "gone")]))


def test_counting_gives_up_on_a_slow_folder(images, monkeypatch):
    monkeypatch.setattr("ldpf.workflows.given_images.COUNT_FOR_S", -1.0)
    assert count_images([str(images)]) is None
    monkeypatch.undo()
    assert count_images([str(images), str(images / "art")]) == 72
    parts = [count_images([str(images)], Shard(i, 3)) for i in (1, 2, 3)]
    assert sum(filter(None, parts)) == 54 and max(filter(None, parts)) < 54
