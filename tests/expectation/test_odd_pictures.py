from __future__ import annotations

import numpy as np
import pytest
import torch

from ldpf.expectation import odd_pictures
from ldpf.expectation.odd_pictures import KINDS, SIDE, odd_features


def test_there_are_as_many_of_each_kind_and_they_differ():
    pictures = odd_pictures.odd_pictures(each=3)
    assert len(pictures) == 3 * len(KINDS)
    assert {(p.size, p.mode) for p in pictures} == {((SIDE, SIDE), "RGB")}
    assert len({np.asarray(p).tobytes() for p in pictures}) == len(pictures)


def test_the_same_seed_draws_the_same():
    first, again, other = (odd_pictures.odd_pictures(2, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("kind", ["one color", "black", "white"])
def test_blank_pictures_are_blank(kind):
    pixels = np.asarray(KINDS[kind](np.random.default_rng(0)))
    assert (pixels == pixels[0, 0]).all()
    assert kind != "black" or pixels.max() < 24
    assert kind != "white" or pixels.min() > 231


def test_features_are_those_of_the_pictures_and_encoded_once(tiny_backbone, monkeypatch):
    monkeypatch.setattr(odd_pictures, "_FEATURES", {})
    features = odd_features(tiny_backbone)
    assert features.shape == (len(odd_pictures.odd_pictures()), tiny_backbone.embed_dim)
    assert torch.allclose(features.norm(dim=1), torch.ones(len(features)), atol=1e-5)
    encoded = tiny_backbone.preprocessed
    assert odd_features(tiny_backbone) is features
    assert tiny_backbone.preprocessed == encoded == len(features)
