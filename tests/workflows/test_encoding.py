"""`encode` from Python."""

from __future__ import annotations

import numpy as np
import pytest

from ldpf import workflows
from ldpf.errors import DataError


def test_images_are_encoded_once(images, tiny_clip, tmp_path):
    source = workflows.DataSource(images, cache_dir=tmp_path)
    first, again = workflows.encode(source, tiny_clip), workflows.encode(source, tiny_clip)
    assert (first.encoded, first.cached) == (54, 0)
    assert (again.encoded, again.cached) == (0, 54)
    assert again.images_per_second is None and first.images_per_second > 0
    assert first.features.digest() == again.features.digest()
    assert first.cache.is_relative_to(tmp_path)


def test_what_is_left_out_is_listed(draw, tiny_clip, tmp_path):
    images = draw(tmp_path / "data", ("art",))
    (images / "art/cat/0.png").write_bytes(b"")
    with pytest.raises(DataError, match="1 of 18"):
        workflows.encode(workflows.DataSource(images, cache_dir=tmp_path / "c"), tiny_clip)
    source = workflows.DataSource(images, cache_dir=tmp_path / "c", skip_bad=True)
    result = workflows.encode(source, tiny_clip)
    assert [entry["path"] for entry in result.to_json()["skipped"]] == ["art/cat/0.png"]


def test_embeddings_hold_nothing_to_encode(tiny_clip, tmp_path):
    np.save(tmp_path / "e.npy", np.eye(4, tiny_clip.embed_dim, dtype=np.float32))
    (tmp_path / "e.csv").write_text("label\ncat\ndog\ncat\ndog\n")
    with pytest.raises(DataError, match="holds embeddings"):
        workflows.encode(tmp_path / "e.npy", tiny_clip)
