"""Agreement with the package `open_clip`, where it can be imported (it needs torchvision)."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from transformers import BertConfig

from ldpf.backbones import load_backbone
from ldpf.text import PromptedTextEncoder
from ldpf.utils.torchvision_import import mend_torchvision

mend_torchvision()
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


# --- towers that are not CLIP's -------------------------------------------------------------------

TIMM = {
    "image_size": 160,
    "timm_model_name": "test_vit",
    "timm_model_pretrained": False,
    "timm_pool": "",
    "timm_proj": "linear",
}
TOWERS = {
    "a bidirectional text tower": ({}, {"no_causal_mask": True}),
    "as in MobileCLIP 2": (
        {**TIMM, "timm_pool": "avg", "timm_proj": None},
        {"no_causal_mask": True},
    ),
    "as in PE-Core": ({**TIMM, "timm_pool": "token", "timm_proj": None}, {}),
    "an image tower with an MLP": ({**TIMM, "timm_pool": "avg", "timm_proj": "mlp"}, {}),
    "as in SigLIP": (
        {**TIMM, "timm_pool": "token", "timm_proj": None},
        {
            "no_causal_mask": True,
            "pool_type": "last",
            "proj_bias": True,
            "norm_kwargs": {"eps": 1e-6},
            "act_kwargs": {"approximate": "tanh"},
        },
    ),
    "as in BiomedCLIP": (
        TIMM,
        {"hf_proj_type": "mlp", "hf_pooler_type": "cls_last_hidden_state_pooler"},
    ),
    "BERT's own pooling": ({}, {"hf_proj_type": "linear", "hf_pooler_type": "cls_pooler"}),
    "a mean": ({}, {"hf_proj_type": "mlp", "hf_pooler_type": "mean_pooler"}),
}


@pytest.mark.parametrize("towers", TOWERS)
@torch.no_grad()
def test_two_towers_put_together_agree(towers, open_clip_config, tiny_clip_parts, tmp_path):
    image, text = TOWERS[towers]
    config = open_clip_config()
    model_config = config["model_cfg"]
    tokenizer = tiny_clip_parts["tokenizer"]
    if image:
        model_config["vision_cfg"] = image
    model_config["text_cfg"] |= text
    if "hf_pooler_type" in text:
        sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3}
        bert = BertConfig(**sizes, intermediate_size=40, vocab_size=len(tokenizer), pad_token_id=0)
        bert.save_pretrained(tmp_path / "text_tower")
        model_config["text_cfg"] |= {
            "hf_model_name": str(tmp_path / "text_tower"),
            "hf_tokenizer_name": "words",
            "hf_model_pretrained": False,
        }
        tokenizer = copy.deepcopy(tokenizer)
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)  # BERT's
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.CustomTextCLIP(**model_config).eval()
        for name, parameter in model.named_parameters():
            if "norm" in name or "ln_" in name or name.endswith("bias"):
                parameter += 0.3 * torch.randn_like(parameter)
            elif name.startswith("text.") and parameter.ndim == 2:
                parameter *= 5
    weights = {name: tensor.clone().contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, tmp_path / "open_clip_pytorch_model.safetensors")
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    tokenizer.save_pretrained(tmp_path)
    backbone = load_backbone(tmp_path)

    side = backbone.image_size
    pixels = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    expected = F.normalize(model.encode_image(pixels), dim=-1)
    assert torch.allclose(backbone.encode_images(pixels), expected, atol=1e-5)
    texts = ["a photo of a cat.", "a photo of a small guitar."]
    ids = torch.zeros(2, 20, dtype=torch.long)
    for row, sentence in zip(ids, texts, strict=True):
        tokens = tokenizer(sentence)["input_ids"]
        row[: len(tokens)] = torch.tensor(tokens)
    expected = F.normalize(model.encode_text(ids), dim=-1)
    assert torch.allclose(backbone.encode_texts(texts), expected, atol=1e-5)
    assert (expected[0] - expected[1]).abs().max() > 1e-3
    context = backbone.text.token_embeddings(backbone.text.name_tokens("a photo of a"))
    prompts = PromptedTextEncoder(backbone.text, ["cat", "small guitar"])(context[None])[0]
    assert torch.allclose(prompts, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["MobileCLIP2-S0", "PE-Core-T-16-384"])
@torch.no_grad()
def test_models_of_its_own_list_agree(name, tiny_clip_parts, tmp_path):
    config = open_clip.get_model_config(name)
    tokenizer = tiny_clip_parts["tokenizer"]
    config["text_cfg"]["vocab_size"] = len(tokenizer)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        own = {key: value for key, value in config.items() if key != "custom_text"}
        model = open_clip.CustomTextCLIP(**own).eval()
    weights = {key: tensor.clone().contiguous() for key, tensor in model.state_dict().items()}
    save_file(weights, tmp_path / "open_clip_model.safetensors")
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    tokenizer.save_pretrained(tmp_path)
    backbone = load_backbone(tmp_path)
    side = backbone.image_size
    pixels = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    expected = F.normalize(model.encode_image(pixels), dim=-1)
    assert torch.allclose(backbone.encode_images(pixels), expected, atol=1e-5)
    texts = ["a photo of a cat.", "a photo of a small guitar."]
    ids = torch.zeros(2, backbone.text.context_length, dtype=torch.long)
    for row, sentence in zip(ids, texts, strict=True):
        tokens = tokenizer(sentence)["input_ids"]
        row[: len(tokens)] = torch.tensor(tokens)
    expected = F.normalize(model.encode_text(ids), dim=-1)
    assert torch.allclose(backbone.encode_texts(texts), expected, atol=1e-5)
    context = backbone.text.token_embeddings(backbone.text.name_tokens("a photo of a"))
    prompts = PromptedTextEncoder(backbone.text, ["cat", "small guitar"])(context[None])[0]
    assert torch.allclose(prompts, expected, atol=1e-5)
