from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch

from ldpf.errors import BackboneError
from ldpf.features.engines.backbone import EngineBackbone, distance
from ldpf.features.extract import encode_dataset
from ldpf.utils.seed import generator
from ldpf.workflows.inputs import list_images


@pytest.fixture
def pixels():
    return torch.randn(20, 3, 16, 16, generator=generator(0, "pixels"))


@pytest.fixture
def fast(stand_in_engine, tiny_clip, tmp_path):
    return EngineBackbone(tiny_clip, stand_in_engine(), tmp_path)


def test_features_are_those_of_the_engine(fast, tiny_clip, pixels, caplog):
    with caplog.at_level(logging.INFO, logger="ldpf"):
        features = fast.encode_images(pixels)
    assert torch.allclose(features, tiny_clip.encode_images(pixels), atol=1e-6)
    assert "quick agrees with torch on the first 8 images" in caplog.text


def test_an_engine_that_is_wrong_is_refused(fast, stand_in_engine, pixels):
    stand_in_engine.shift = 0.2
    with pytest.raises(BackboneError, match=r"'quick' does not give.*cosine is 0\.0.*torch"):
        fast.encode_images(pixels)


@pytest.mark.parametrize("shift", [float("nan"), float("inf")])
def test_features_that_are_not_finite_are_refused(shift, fast, stand_in_engine, pixels):
    stand_in_engine.shift = shift
    with pytest.raises(BackboneError, match="quick"):
        fast.encode_images(pixels)


def test_it_is_compared_once(fast, stand_in_engine, pixels):
    fast.encode_images(pixels)
    stand_in_engine.shift = 0.2
    fast.encode_images(pixels)
    assert len(stand_in_engine.loads) == 1


def test_the_tower_is_exported_once_and_again_where_it_is_damaged(
    fast, stand_in_engine, tiny_clip, tmp_path, pixels
):
    fast.encode_images(pixels)
    (file,) = tmp_path.glob("engines/*/*.onnx")
    file.write_bytes(b"gra")
    EngineBackbone(tiny_clip, stand_in_engine(), tmp_path).encode_images(pixels)
    assert file.read_bytes() == b"graph"


def test_its_fingerprint_is_its_own(fast, stand_in_engine, tiny_clip, tmp_path):
    same = EngineBackbone(tiny_clip, stand_in_engine(), tmp_path / "elsewhere")
    assert fast.fingerprint == same.fingerprint != tiny_clip.fingerprint
    stand_in_engine.version = "1.1"
    assert EngineBackbone(tiny_clip, stand_in_engine(), tmp_path).fingerprint != same.fingerprint


@pytest.mark.slow
def test_features_of_each_engine_are_kept_apart(stand_in_engine, tiny_clip, images, tmp_path):
    data = list_images(images).dataset
    stand_in_engine.factor = 2.0  # the same directions, and seen in the numbers
    first = encode_dataset(data, tiny_clip, cache_dir=tmp_path, image_engine="quick")
    assert first.encoded == len(data) and first.image_engine == "quick"
    plain = encode_dataset(data, tiny_clip, cache_dir=tmp_path)
    assert plain.encoded == len(data) and plain.cache != first.cache
    assert torch.allclose(first.features.features, 2 * plain.features.features, atol=1e-5)
    again = encode_dataset(data, tiny_clip, cache_dir=tmp_path, image_engine="quick")
    assert again.encoded == 0
    assert torch.equal(again.features.features, first.features.features)


def test_style_is_read_by_pytorch(stand_in_engine, tiny_clip, images, tmp_path, caplog):
    data = list_images(images).dataset
    with caplog.at_level(logging.INFO, logger="ldpf"):
        encode_dataset(data, tiny_clip, cache_dir=tmp_path, image_engine="quick", style=True)
    assert stand_in_engine.loads == [] and "style statistics" in caplog.text


def test_the_distance_is_one_minus_the_cosine():
    a = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    assert distance(a, a) == 0.0
    assert distance(a, torch.tensor([[1.0, 1.0], [0.0, 1.0]])) == pytest.approx(1 - 2**-0.5)
    assert distance(a, replace_nan(a)) == float("inf")


def replace_nan(a):
    return a.masked_fill(a == 2, float("nan"))


def test_copies_do_not_forget_what_was_compared(fast, pixels):
    fast.encode_images(pixels)
    assert replace(fast, cache_dir=fast.cache_dir)._state["compared"] < 1e-6
