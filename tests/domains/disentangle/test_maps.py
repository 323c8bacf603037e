"""Domain maps as a model folder holds them."""

from __future__ import annotations

import pytest
import torch

from ldpf.domains.disentangle import maps
from ldpf.domains.disentangle.base import DOMAIN_MAPS
from ldpf.domains.disentangle.maps import DomainExtractor, DomainMap, LinearMap, kind_of, rebuild
from ldpf.domains.fitted import FittedDomains
from ldpf.utils.seed import generator

MAPS = {
    "mlp": lambda: DomainExtractor(8, 6, 4, generator(0, "map")),
    "linear": lambda: LinearMap(8, 4),
}


@pytest.fixture
def images():
    return torch.randn(20, 8, generator=generator(0, "images"))


def drawn(name):
    """A map of this kind with numbers in all its tensors."""
    result = MAPS[name]().requires_grad_(False)
    draws = generator(1, "values")
    for tensor in result.state_dict().values():
        tensor.copy_(torch.rand(tensor.shape, generator=draws) - 0.5)
    return result


def test_every_kind_is_tested_here():
    assert set(MAPS) == set(DOMAIN_MAPS)


@pytest.mark.parametrize("name", MAPS)
def test_a_map_is_rebuilt_from_its_tensors(name, images):
    original = drawn(name)
    again = rebuild(original.state_dict())
    assert type(again) is type(original)
    assert torch.equal(again(images), original(images))


@pytest.mark.parametrize("name", MAPS)
def test_shapes_are_those_of_the_tensors(name):
    state, sizes = drawn(name).state_dict(), {"hidden": 6, "z": 4}
    shapes = kind_of(state).shapes(8)
    assert {k: tuple(sizes.get(size, size) for size in shape) for k, shape in shapes.items()} == {
        k: tuple(tensor.shape) for k, tensor in state.items()
    }


def test_the_linear_map_is_its_formula(images):
    linear = drawn("linear")
    expected = ((images - linear.input_mean) * linear.input_scale) @ linear.matrix.T
    assert torch.equal(linear(images), expected)


def test_a_kind_from_outside_is_kept_with_the_others(images, monkeypatch):
    monkeypatch.setattr(DOMAIN_MAPS, "_entries", dict(DOMAIN_MAPS._entries))

    @DOMAIN_MAPS.register("signs", recognized_by="threshold")
    class Signs(DomainMap):
        def __init__(self, dim):
            super().__init__()
            self.register_buffer("threshold", torch.zeros(dim))

        def forward(self, features):
            return torch.sign(features - self.threshold)

        @classmethod
        def shaped_like(cls, state):
            return cls(len(state["threshold"]))

        @classmethod
        def shapes(cls, embed_dim):
            return {"threshold": (embed_dim,)}

    latent = FittedDomains(Signs(8), torch.eye(8)[:3])
    again = FittedDomains.from_tensors(latent.tensors())
    assert isinstance(again.extractor, Signs)
    assert torch.equal(again.assign(images), latent.assign(images))
    assert FittedDomains.shapes(3, 8, latent.tensors())["extractor.threshold"] == (8,)


def test_images_pass_in_blocks_of_bounded_size(monkeypatch):
    monkeypatch.setattr(maps, "BLOCK", 30)
    features, sizes = torch.randn(100, 4, generator=torch.Generator().manual_seed(0)), []

    def double(part):
        sizes.append(len(part))
        return 2 * part

    assert torch.equal(maps.in_blocks(double, features), 2 * features)
    assert sizes == [30, 30, 30, 10]
