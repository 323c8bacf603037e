"""What holds for every engine that is installed, on an image tower of the smallest size."""

from __future__ import annotations

import pytest
import torch

from ldpf.features.engines import ENGINES
from ldpf.features.engines.backbone import EngineBackbone, distance
from ldpf.features.engines.tower import PACKAGES
from ldpf.utils.seed import generator

OTHERS = [name for name in ENGINES if name != "torch"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    for package in PACKAGES:
        pytest.importorskip(package)
    return tmp_path_factory.mktemp("engines")


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_features_are_those_of_pytorch_for_any_number_of_images(name, cache, tiny_clip):
    engine = ENGINES.make(name)
    pytest.importorskip(engine.package)
    fast = EngineBackbone(tiny_clip, engine, cache)
    for count in (1, 3, 20):
        pixels = torch.randn(count, 3, 16, 16, generator=generator(count, "pixels"))
        features = fast.encode_images(pixels)
        assert features.shape == (count, 16) and features.dtype == torch.float32
        limit = 1e-4 if name == "torch-bf16" else 1e-6
        assert distance(features, tiny_clip.encode_images(pixels)) < limit


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_features_outlive_the_next_call(name, cache, tiny_clip):
    engine = ENGINES.make(name)
    pytest.importorskip(engine.package)
    fast = EngineBackbone(tiny_clip, engine, cache)
    first = fast.encode_images(torch.zeros(2, 3, 16, 16))
    before = first.clone()
    fast.encode_images(torch.ones(2, 3, 16, 16))
    assert torch.equal(first, before)


def test_bfloat16_is_what_it_says(tiny_clip, tmp_path):
    fast = EngineBackbone(tiny_clip, ENGINES.make("torch-bf16"), tmp_path)
    pixels = torch.randn(4, 3, 16, 16, generator=generator(0, "pixels"))
    assert distance(fast.encode_images(pixels), tiny_clip.encode_images(pixels)) > 1e-8
    assert not list(tmp_path.iterdir())
