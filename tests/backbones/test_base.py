from __future__ import annotations

import copy
import json
import math
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

from ldpf.backbones import Backbone, assemble, load_backbone
from ldpf.errors import BackboneError


def images(n=6, seed=0):
    draws = np.random.default_rng(seed)
    sizes = [(20, 30), (16, 16), (40, 18), (9, 50)]
    return [
        Image.fromarray(draws.integers(0, 256, (*sizes[i % 4], 3), dtype=np.uint8))
        for i in range(n)
    ]


def test_sizes_are_read_off_the_model(tiny_clip):
    assert (tiny_clip.embed_dim, tiny_clip.image_size) == (16, 16)
    assert tiny_clip.device == torch.device("cpu")
    assert tiny_clip.activation == "quick_gelu"


def test_the_logit_scale_is_one_over_the_temperature(tiny_clip):
    assert tiny_clip.logit_scale == pytest.approx(math.exp(3.0))


def test_the_image_size_of_a_processor_without_a_crop_is_its_size(tiny_clip_parts):
    processor = copy.deepcopy(tiny_clip_parts["image_processor"])
    processor.do_center_crop = False
    processor.size = {"height": 24, "width": 24}
    assert assemble("x", **tiny_clip_parts | {"image_processor": processor}).image_size == 24


def test_images_of_any_size_become_the_models_input(tiny_clip):
    pixels = tiny_clip.preprocess(images())
    assert pixels.shape == (6, 3, 16, 16)
    assert pixels.dtype == torch.float32


def test_preprocessing_is_the_same_in_threads(tiny_clip):
    pictures = images(20)
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(lambda image: tiny_clip.preprocess([image])[0], pictures))
    assert torch.equal(torch.stack(threaded), tiny_clip.preprocess(pictures))


def test_image_features_are_the_models_own_with_length_one(tiny_clip):
    pixels = tiny_clip.preprocess(images())
    features = tiny_clip.encode_images(pixels)
    expected = F.normalize(tiny_clip.model.get_image_features(pixels).pooler_output, dim=-1)
    assert torch.allclose(features, expected, atol=1e-6)
    assert torch.allclose(features.norm(dim=1), torch.ones(6))
    assert features.dtype == torch.float32


def test_text_features_are_the_models_own_whatever_they_are_padded_with(tiny_clip):
    texts = ["a cat.", "a photo of a dog with a guitar in a house."]
    features = tiny_clip.encode_texts(texts)
    for text, feature in zip(texts, features, strict=True):
        tokens = tiny_clip.tokenizer([text], return_tensors="pt")  # alone, so without padding
        expected = tiny_clip.model.get_text_features(**tokens).pooler_output[0]
        assert torch.allclose(feature, F.normalize(expected, dim=0), atol=1e-5)
    assert torch.allclose(features.norm(dim=1), torch.ones(2))


def test_a_text_too_long_for_the_context_keeps_its_end_token(tiny_clip):
    # 75 of the words, between [SOS] and [EOS]; without [EOS] CLIP would read the wrong position.
    feature = tiny_clip.encode_texts(["cat " * 100])[0]
    tokens = tiny_clip.tokenizer(["cat " * 75], return_tensors="pt")
    assert tokens["input_ids"].shape[1] == 77
    expected = tiny_clip.model.get_text_features(**tokens).pooler_output[0]
    assert torch.allclose(feature, F.normalize(expected, dim=0), atol=1e-5)


@pytest.mark.parametrize("read", ["encode_texts", "name_tokens"])
def test_half_a_character_is_refused_with_its_text(read, tiny_clip):
    text = "a photo of a \ud800"
    with pytest.raises(BackboneError) as caught:
        tiny_clip.encode_texts([text]) if read == "encode_texts" else tiny_clip.text.name_tokens(
            text
        )
    assert repr(text) in str(caught.value) and "whole characters" in str(caught.value)


def test_features_carry_no_gradient(tiny_clip):
    assert not tiny_clip.encode_images(torch.zeros(1, 3, 16, 16)).requires_grad
    assert not tiny_clip.encode_texts(["a cat."]).requires_grad


def changed(parts, name, change):
    part = copy.deepcopy(parts[name])
    change(part)
    return assemble("changed", **parts | {name: part}).fingerprint


def test_a_fingerprint_is_64_hex_digits_and_does_not_depend_on_the_name(tiny_clip, tiny_clip_parts):
    assert len(tiny_clip.fingerprint) == 64
    assert int(tiny_clip.fingerprint, 16) >= 0
    assert assemble("another name", **tiny_clip_parts).fingerprint == tiny_clip.fingerprint


@pytest.mark.parametrize("place", ["logit_scale", "visual_projection.weight", "text_model"])
def test_any_changed_weight_changes_the_fingerprint(place, tiny_clip, tiny_clip_parts):
    def nudge(model):
        name = next(n for n, _ in model.named_parameters() if n.startswith(place))
        tensor = model.get_parameter(name).data.reshape(-1)
        tensor[-1] = torch.nextafter(tensor[-1], torch.tensor(9.0))

    assert changed(tiny_clip_parts, "model", nudge) != tiny_clip.fingerprint


@pytest.mark.parametrize("tower", ["text_config", "vision_config"])
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("hidden_act", "gelu"),
        ("layer_norm_eps", 1e-3),
        ("num_attention_heads", 4),
        ("eos_token_id", 2),
    ],
)
def test_settings_that_change_features_change_the_fingerprint(
    tower, setting, value, tiny_clip, tiny_clip_parts
):
    # None of them shows in the weights.
    def change(model):
        setattr(getattr(model.config, tower), setting, value)

    assert changed(tiny_clip_parts, "model", change) != tiny_clip.fingerprint


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("image_mean", [0.5, 0.5, 0.5]),
        ("image_std", [0.5, 0.5, 0.5]),
        ("resample", 2),
        ("do_center_crop", False),
        ("size", {"shortest_edge": 20}),
        ("rescale_factor", 1 / 127.5),
    ],
)
def test_another_preprocessing_changes_the_fingerprint(setting, value, tiny_clip, tiny_clip_parts):
    def change(processor):
        setattr(processor, setting, value)

    assert changed(tiny_clip_parts, "image_processor", change) != tiny_clip.fingerprint


def test_another_tokenizer_changes_the_fingerprint(tiny_clip, tiny_clip_folder, tmp_path):
    folder = shutil.copytree(tiny_clip_folder, tmp_path / "copy")
    path = folder / "tokenizer.json"
    rules = json.loads(path.read_text(encoding="utf-8"))
    rules["model"]["merges"].pop()
    path.write_text(json.dumps(rules), encoding="utf-8")
    assert load_backbone(folder).fingerprint != tiny_clip.fingerprint


def test_using_the_tokenizer_does_not_change_the_fingerprint(tiny_clip_folder, tiny_clip):
    backbone = load_backbone(tiny_clip_folder)
    backbone.encode_texts(["a cat", "a dog and a horse", "word " * 100])
    parts = (backbone.model, backbone.image_processor, backbone.tokenizer)
    assert assemble("used", *parts).fingerprint == tiny_clip.fingerprint


@pytest.mark.slow
def test_the_file_format_of_the_weights_does_not_change_the_fingerprint(
    tiny_clip, tiny_clip_folder, tmp_path
):
    folder = shutil.copytree(tiny_clip_folder, tmp_path / "copy")
    weights = load_file(folder / "model.safetensors")
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert load_backbone(folder).fingerprint == tiny_clip.fingerprint


@pytest.mark.slow
def test_saving_again_does_not_change_the_fingerprint(tiny_clip, tiny_clip_folder, tmp_path):
    backbone = load_backbone(tiny_clip_folder)
    for part in (backbone.model, backbone.image_processor, backbone.tokenizer):
        part.save_pretrained(tmp_path)
    assert load_backbone(tmp_path).fingerprint == tiny_clip.fingerprint


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_encodes_the_same(copied, tiny_clip):
    again = copied(tiny_clip)
    assert isinstance(again, Backbone)
    assert torch.equal(again.encode_texts(["a cat."]), tiny_clip.encode_texts(["a cat."]))
    assert again.fingerprint == tiny_clip.fingerprint
