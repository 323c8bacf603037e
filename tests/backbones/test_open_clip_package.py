"""Agreement with the package `open_clip`, where it can be imported (it needs torchvision)."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file

from ldpf.backbones import load_backbone

try:
    import open_clip
except Exception as error:  # beside a torch of another build, torchvision raises RuntimeError
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    pytest.skip(f"open_clip cannot be imported here ({reason})", allow_module_level=True)


@pytest.fixture(params=[True, False], ids=["quick_gelu", "gelu"])
def pair(request, open_clip_config, tiny_clip_parts, tmp_path):
    """open_clip's own model with random weights, and ours of the files it wrote."""
    config = open_clip_config(request.param)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.CLIP(**config["model_cfg"]).eval()
        for name, parameter in model.named_parameters():
            if "ln_" in name or name.endswith("bias"):
                parameter.data += 0.3 * torch.randn_like(parameter)
            elif "c_fc" in name or "embedding" in name:
                parameter.data *= 10
    save_file(model.state_dict(), tmp_path / "open_clip_model.safetensors")
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    tiny_clip_parts["tokenizer"].save_pretrained(tmp_path)
    return model, config, load_backbone(tmp_path)


@torch.no_grad()
def test_image_features_agree(pair):
    model, _, backbone = pair
    pixels = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = F.normalize(model.encode_image(pixels), dim=-1)
    assert torch.allclose(backbone.encode_images(pixels), expected, atol=1e-5)


@torch.no_grad()
def test_text_features_agree(pair):
    model, _, backbone = pair
    texts = ["a cat.", "a photo of a dog with a guitar", "the house"]
    ids = torch.zeros(3, 20, dtype=torch.long)
    for row, text in zip(ids, texts, strict=True):
        sentence = backbone.tokenizer(text)["input_ids"]
        row[: len(sentence)] = torch.tensor(sentence)
    expected = F.normalize(model.encode_text(ids), dim=-1)
    assert torch.allclose(backbone.encode_texts(texts), expected, atol=1e-5)
    assert backbone.logit_scale == pytest.approx(model.logit_scale.exp().item(), rel=1e-5)


@pytest.mark.parametrize("mode", ["shortest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_preprocessing_agrees(mode, interpolation, pair, tmp_path):
    _, config, _ = pair
    config["preprocess_cfg"] |= {"resize_mode": mode, "interpolation": interpolation}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    transform = open_clip.image_transform(16, is_train=False, **config["preprocess_cfg"])
    draws = np.random.default_rng(0)
    # Sizes after which the margins left and right (top and bottom) of the crop are equal.
    for size in ((32, 48), (24, 24), (64, 32)):
        image = Image.fromarray(draws.integers(0, 256, (*size, 3), dtype=np.uint8))
        ours = load_backbone(tmp_path).preprocess([image])[0]
        assert torch.allclose(ours, transform(image), atol=1e-5)
