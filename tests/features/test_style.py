from __future__ import annotations

import pytest
import torch

from ldpf.backbones import styled
from ldpf.data import from_embeddings, load_dataset
from ldpf.errors import DataError
from ldpf.features.extract import encode_dataset
from ldpf.features.inputs import features_and_style, to_features


def test_features_are_the_same_and_statistics_come_with_them(images, tiny_clip, tmp_path):
    data = load_dataset(images)
    plain = encode_dataset(data, tiny_clip, cache_dir=tmp_path, progress=False)
    both = encode_dataset(data, tiny_clip, cache_dir=tmp_path, progress=False, style=True)
    assert plain.features.style is None
    assert torch.equal(both.features.features, plain.features.features)
    assert both.features.style.shape[0] == len(data)
    assert both.features.style.shape[1] > 0


def test_both_come_from_the_cache_the_second_time(images, tiny_clip, tmp_path, monkeypatch):
    data = load_dataset(images)
    first = encode_dataset(data, tiny_clip, cache_dir=tmp_path, progress=False, style=True)
    again = encode_dataset(data, tiny_clip, cache_dir=tmp_path, progress=False, style=True)
    assert (first.encoded, again.encoded) == (len(data), 0)
    assert torch.equal(again.features.style, first.features.style)


def test_features_of_ones_own_have_no_style(tiny_clip):
    rows = torch.nn.functional.normalize(torch.randn(4, tiny_clip.embed_dim), dim=1)
    features, style = features_and_style(rows.numpy(), tiny_clip)
    assert torch.allclose(features, rows, atol=1e-6)
    assert style is None


def test_embeddings_are_refused(images, tiny_clip, tmp_path):
    data = load_dataset(images)
    embedded = from_embeddings(
        torch.randn(len(data), tiny_clip.embed_dim).numpy(),
        [data.class_names[k] for k in data.labels],
    )
    with pytest.raises(DataError, match="hold no style statistics; give the images"):
        encode_dataset(embedded, tiny_clip, cache_dir=tmp_path, progress=False, style=True)


def test_paths_have_features_and_style(images, tiny_clip):
    data = load_dataset(images)
    paths = [str(data.file(i)) for i in range(3)]
    features, style = features_and_style(paths, tiny_clip)
    assert torch.equal(features, to_features(paths, tiny_clip))
    assert style is not None
    assert style.shape == (3, styled.StyledBackbone(tiny_clip).embed_dim - tiny_clip.embed_dim)
