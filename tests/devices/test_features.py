"""Images and texts are encoded on a GPU as on the CPU."""

from __future__ import annotations

import pytest
import torch

from ldpf.backbones.styled import StyledBackbone
from ldpf.features.encode import encode_files
from ldpf.text import PATHS, PromptedTextEncoder
from ldpf.text.zero_shot import zero_shot_features
from ldpf.utils.seed import generator


def test_image_features_come_back_to_the_cpu(distant_clip, tiny_clip, stand_in):
    pixels = torch.randn(5, 3, 16, 16, generator=generator(0, "pixels"))
    features = distant_clip.encode_images(pixels)
    assert not stand_in.holds(features)
    assert torch.allclose(features, tiny_clip.encode_images(pixels), atol=1e-5)


def test_a_batch_is_waited_for_once(distant_clip, stand_in):
    stand_in.waits.clear()
    distant_clip.encode_images(torch.zeros(20, 3, 16, 16))
    assert len(stand_in.waits) == 1


def test_style_statistics_are_read_there_too(distant_clip, tiny_clip):
    pixels = torch.randn(5, 3, 16, 16, generator=generator(0, "pixels"))
    there = StyledBackbone(distant_clip).encode_images(pixels)
    assert torch.allclose(there, StyledBackbone(tiny_clip).encode_images(pixels), atol=1e-4)


def test_files_are_encoded_there(distant_clip, tiny_clip, write_image, tmp_path):
    files = [write_image(tmp_path / f"{i}.png", seed=i) for i in range(5)]
    there = list(encode_files(files, distant_clip, batch_size=2))
    here = list(encode_files(files, tiny_clip, batch_size=2))
    for one, other in zip(there, here, strict=True):
        assert torch.allclose(one.feature, other.feature, atol=1e-5)


def test_sentences_are_encoded_there(distant_clip, tiny_clip):
    names, templates = ("cat", "dog"), ("a photo of a {}.", "a sketch of a {}.")
    there = zero_shot_features(names, templates, distant_clip)
    assert torch.allclose(there, zero_shot_features(names, templates, tiny_clip), atol=1e-5)


@pytest.mark.parametrize("chunk", [None, 2])
@pytest.mark.parametrize("path", PATHS)
def test_a_text_pass_does_not_wait(path, chunk, distant_clip, tiny_clip, stand_in):
    names = ("cat", "dog", "horse", "house", "guitar")
    drawn = torch.randn(2, 12, 32, generator=generator(0, "contexts"))

    def a_pass(backbone, contexts):
        encoder = PromptedTextEncoder(backbone.text, names, path=path, class_chunk=chunk)
        encoder(contexts)  # the first call embeds the class names
        with stand_in.no_waiting():
            contexts.requires_grad_()
            features = encoder(contexts)
            features[:, :, 0].sum().backward()
        return features.detach().cpu(), contexts.grad.cpu()

    there = a_pass(distant_clip, drawn.to(stand_in.name))
    here = a_pass(tiny_clip, drawn.clone())
    for one, other in zip(there, here, strict=True):
        assert torch.allclose(one, other, atol=1e-4)
