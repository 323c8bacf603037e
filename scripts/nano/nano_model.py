"""The size of `nano`, its forward passes for training, and writing it as a Hugging Face folder."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerBase

IMAGE_SIZE, PATCH, CONTEXT, EMBED = 64, 8, 77, 128


def nano_config(tokenizer: PreTrainedTokenizerBase) -> CLIPConfig:
    """Two small transformers, with the tokenizer's own ids for BOS, EOS and padding."""
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 128,
        "intermediate_size": 512,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "max_position_embeddings": CONTEXT,
        "projection_dim": EMBED,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "hidden_size": 160,
        "intermediate_size": 640,
        "num_hidden_layers": 6,
        "num_attention_heads": 5,
        "image_size": IMAGE_SIZE,
        "patch_size": PATCH,
        "projection_dim": EMBED,
    }
    return CLIPConfig(text_config=text, vision_config=vision, projection_dim=EMBED)


@torch.no_grad()
def initialize(model: CLIPModel) -> None:
    """Start the image tower from larger patch and position embeddings than CLIP's default.

    The default (0.02) is made for wide towers and long training: here positions would be lost
    beside the patches and learning would need hundreds of steps to begin.
    """
    tower = model.vision_model.embeddings
    nn.init.normal_(tower.patch_embedding.weight, std=(3 * PATCH**2) ** -0.5)
    side, width = IMAGE_SIZE // PATCH, tower.embed_dim
    quarter = width // 4
    frequency = 0.35 * 2.0 ** torch.linspace(0, 3, quarter)  # radians per patch
    place = torch.arange(side)[:, None] * frequency  # [side, quarter]
    wave = torch.cat([place.sin(), place.cos()], dim=1)  # [side, 2 quarter]
    rows = wave[:, None].expand(side, side, -1)
    columns = wave[None].expand(side, side, -1)
    grid = torch.cat([rows, columns], dim=2).reshape(side * side, -1)
    tower.position_embedding.weight[1:] = 0.7 * grid


def encode_images(
    model: CLIPModel, pixels: Tensor, keep: int | None = None, generator=None
) -> Tensor:
    """Image features [N, D], L2-normalized.

    With `keep`, only that many randomly chosen patches of each image are looked at (the recipe of
    FLIP, Li et al. 2023): cheaper steps, and the model learns not to depend on one detail.
    """
    tower = model.vision_model
    x = tower.embeddings(pixels)  # [N, 1 + patches, W]
    if keep is not None:
        chance = torch.rand(
            x.shape[0], x.shape[1] - 1, generator=generator, device=pixels.device
        )  # fmt: skip
        order = chance.argsort(1)[:, :keep]
        index = (1 + order)[..., None].expand(-1, -1, x.shape[2])
        x = torch.cat([x[:, :1], x.gather(1, index)], dim=1)
    x = tower.encoder(inputs_embeds=tower.pre_layrnorm(x)).last_hidden_state
    return F.normalize(model.visual_projection(tower.post_layernorm(x[:, 0])).float(), dim=-1)


def encode_ids(model: CLIPModel, ids: Tensor) -> Tensor:
    """Text features [N, D], L2-normalized, of padded token ids [N, L].

    Padding needs no mask: it is the EOS token, the first of which is pooled, and it stands behind
    all that a causal transformer lets that token see.
    """
    pooled = model.text_model(input_ids=ids).pooler_output
    return F.normalize(model.text_projection(pooled).float(), dim=-1)


def encode_texts(model: CLIPModel, tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> Tensor:
    """Text features [N, D], L2-normalized, by the model's own forward pass."""
    ids = tokenizer(texts, padding=True, return_tensors="pt").input_ids
    return encode_ids(model, ids.to(model.device))


def parameter_groups(model: nn.Module, decay: float) -> list[dict]:
    """Weight decay on matrices only, not on biases, norms, embeddings and the logit scale."""
    decayed, free = [], []
    for name, p in model.named_parameters():
        (decayed if p.ndim >= 2 and "embedding" not in name else free).append(p)
    return [{"params": decayed, "weight_decay": decay}, {"params": free, "weight_decay": 0.0}]


def save_nano(model: CLIPModel, folder: Path, mean: list[float], std: list[float]) -> None:
    """Write config, float16 weights and the preprocessor's settings."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {k: v.detach().cpu().clone() for k, v in model.state_dict().items()}
    half = CLIPModel(model.config).to(torch.float16)
    half.load_state_dict(state)
    half.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
    config_file = folder / "config.json"
    config = json.loads(config_file.read_text())
    config["dtype"] = "float32"  # computed with in float32; float16 is only how it is stored
    for part in (config["text_config"], config["vision_config"]):
        part.pop("dtype", None)
    config_file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    square = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    processor = {
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": True,
        "size": {"shortest_edge": IMAGE_SIZE},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": square,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": mean,
        "image_std": std,
        "do_convert_rgb": True,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n")
