"""Backbones of real sizes with random weights: for speed, which does not depend on the weights."""

from __future__ import annotations

import numpy as np
import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from ldpf.backbones import Backbone, assemble
from text_workload import LENGTH_SHARES, NAME_LENGTHS

TOWERS = {
    "vit-b-16": {"patch_size": 16, "hidden_size": 768, "num_attention_heads": 12, "layers": 12},
    "vit-b-32": {"patch_size": 32, "hidden_size": 768, "num_attention_heads": 12, "layers": 12},
    # For trying a benchmark out.
    "tiny": {"patch_size": 32, "hidden_size": 64, "num_attention_heads": 2, "layers": 2},
}
"""Image towers for images of 224 x 224 pixels; CLIP's text tower of width 512 goes with the large
ones."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def random_clip(tower: str, seed: int = 0) -> Backbone:
    """A CLIP of the size of `tower` on the CPU; its tokenizer reads every letter as a token."""
    vision = dict(TOWERS[tower])
    small = tower == "tiny"
    width, heads = (64, 2) if small else (512, 8)
    layers = vision.pop("layers")
    tokenizer = _letters()
    config = CLIPConfig(
        text_config={
            "vocab_size": len(tokenizer) if small else 49408,
            "hidden_size": width,
            "intermediate_size": 4 * width,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "max_position_embeddings": 77,
            "hidden_act": "quick_gelu",
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={
            **vision,
            "image_size": 224,
            "intermediate_size": 4 * vision["hidden_size"],
            "num_hidden_layers": layers,
            "hidden_act": "quick_gelu",
        },
        projection_dim=width,
        logit_scale_init_value=4.6052,
    )
    torch.manual_seed(seed)
    model = CLIPModel(config).eval().requires_grad_(False)
    return assemble(tower, model, CLIPImageProcessorPil(), tokenizer)


def _letters() -> CLIPTokenizer:
    letters = sorted(ByteLevel.alphabet())
    pieces = [*letters, *(letter + "</w>" for letter in letters)]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={piece: i for i, piece in enumerate(pieces)}, merges=[], model_max_length=77
    )


def class_names(count: int, seed: int = 0) -> tuple[str, ...]:
    """Different names with about as many tokens as those of the usual benchmarks."""
    draws = np.random.default_rng(seed)
    lengths = draws.choice(NAME_LENGTHS, count, p=LENGTH_SHARES)
    names: dict[str, None] = {}
    for length in lengths:
        # There are few short names: where all of a length are taken, a longer one is drawn.
        while (name := "".join(draws.choice(list(_LETTERS), length))) in names:
            length += int(draws.integers(0, 2))
        names[name] = None
    return tuple(names)
