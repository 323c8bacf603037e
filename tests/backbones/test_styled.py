from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from transformers import MobileNetV2Config, MobileNetV2Model

from ldpf.backbones import load_backbone
from ldpf.backbones.styled import StyledBackbone, channel_statistics, early_block
from ldpf.errors import BackboneError


def pixels(backbone, count=11):
    size = backbone.image_size
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0))


def test_the_statistics_of_a_map_are_means_and_deviations_of_its_channels():
    maps = torch.tensor([[[[1.0, 3.0]], [[2.0, 2.0]]]])  # [1, 2, 1, 2]
    assert channel_statistics(maps).tolist() == [[2.0, 2.0, 1.0, 0.0]]


def test_a_class_token_is_left_out_and_no_patch_is():
    patches = torch.tensor([[[0.0], [2.0], [4.0], [6.0]]])  # [1, 2 * 2, 1]
    with_token = torch.cat([torch.full((1, 1, 1), 100.0), patches], dim=1)
    assert torch.equal(channel_statistics(with_token), channel_statistics(patches))
    assert channel_statistics(patches)[0, 0] == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tiny_clip", "nano"])
def test_features_are_those_of_the_backbone_and_statistics_those_of_its_block(name, request):
    plain = load_backbone("nano", "cpu") if name == "nano" else request.getfixturevalue(name)
    images = pixels(plain)
    styled = StyledBackbone(plain)
    both = styled.encode_images(images)
    assert torch.equal(both[:, : plain.embed_dim], plain.encode_images(images))
    states = plain.model.vision_model(images, output_hidden_states=True).hidden_states
    layer = int(early_block(plain)[0].rsplit(".", 1)[1])
    expected = channel_statistics(states[layer + 1])
    assert torch.allclose(both[:, plain.embed_dim :], expected, atol=1e-5)
    assert styled.embed_dim == both.shape[1]


def test_no_hook_is_left_behind(tiny_clip):
    block = early_block(tiny_clip)[1]
    before = dict(block._forward_hooks)
    StyledBackbone(tiny_clip).encode_images(pixels(tiny_clip, 1))
    assert dict(block._forward_hooks) == before


def test_one_image_alone_has_the_statistics_it_has_in_a_batch(tiny_clip):
    images, styled = pixels(tiny_clip), StyledBackbone(tiny_clip)
    alone = torch.cat([styled.encode_images(image[None]) for image in images])
    assert torch.allclose(alone, styled.encode_images(images), atol=1e-5)


def test_a_convolutional_tower_is_read_behind_its_fourth_block():
    tower = MobileNetV2Model(MobileNetV2Config(depth_multiplier=0.35, image_size=32)).eval()
    backbone = SimpleNamespace(name="convolutional", model=SimpleNamespace(vision_model=tower))
    name, block = early_block(backbone)
    assert name == "layer.3"
    seen = []
    block.register_forward_hook(lambda module, inputs, output: seen.append(output))
    tower(torch.rand(2, 3, 32, 32))
    assert channel_statistics(seen[0]).shape == (2, 2 * seen[0].shape[1])


def test_the_key_of_the_cache_is_its_own(tiny_clip):
    styled = StyledBackbone(tiny_clip)
    assert styled.fingerprint != tiny_clip.fingerprint
    assert styled.fingerprint == StyledBackbone(tiny_clip).fingerprint


def test_a_tower_without_blocks_is_refused():
    backbone = SimpleNamespace(
        name="flat", model=SimpleNamespace(vision_model=torch.nn.Linear(2, 2))
    )
    with pytest.raises(BackboneError, match="'flat' has no stack of blocks"):
        early_block(backbone)
