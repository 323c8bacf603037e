"""OpenCLIP checkpoints, their weights renamed into transformers' CLIP.

An OpenCLIP checkpoint is `open_clip_config.json` (architecture and preprocessing),
`open_clip_model.safetensors` and a tokenizer. Its plain towers compute what transformers' CLIP
computes, under other names and with query, key and value in one matrix. The package `open_clip`
itself is not needed (its source, https://github.com/mlfoundations/open_clip, defines the format).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import CLIPModel, CLIPTokenizer

from ldpf.backbones.families.base import FAMILIES, BackboneFamily, Checkpoint
from ldpf.backbones.families.text_rules import CLIP_TEXT
from ldpf.backbones.open_clip_config import (
    CONFIG,
    image_processor,
    read_config,
    transformers_config,
)
from ldpf.backbones.open_clip_weights import rename, require_fit
from ldpf.errors import BackboneError

WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
"""Both names are in use; where a folder has both, the first one is read, as OpenCLIP does."""
PICKLED_WEIGHTS = "open_clip_pytorch_model.bin"


@FAMILIES.register("open-clip")
class OpenCLIP(BackboneFamily):
    """OpenCLIP's plain vision and text transformers in its own format."""

    text = CLIP_TEXT
    config_file = CONFIG
    needed_files = (WEIGHTS, ("tokenizer.json", "vocab.json"))
    needs = f"{CONFIG}, {WEIGHTS[0]} and tokenizer.json as OpenCLIP's push_to_hf_hub writes them"
    # Of a folder that it recognizes, config.json belongs to no family or has no weights.
    priority = 1

    def recognizes(self, checkpoint: Checkpoint) -> bool:
        """By OpenCLIP's config, unless transformers' own files are there too.

        These name the tokenizer and activation of every family, and hub pages of OpenCLIP models
        often have both.
        """
        if CONFIG not in checkpoint.files:
            return False
        own = any(
            name.startswith(("model", "pytorch_model")) and name.endswith((".safetensors", ".bin"))
            for name in checkpoint.files
        )
        # Folders for other libraries have a config.json, too, without a family in it.
        return not (own and "model_type" in checkpoint.config)

    def weight_files(self, files: Sequence[str], name: str) -> list[str]:
        """The safetensors file; a pickle is not opened."""
        for weights in WEIGHTS:
            if weights in files:
                return [weights]
        if PICKLED_WEIGHTS in files:
            raise BackboneError(
                f"The OpenCLIP model {name!r} has no {WEIGHTS[0]} but {PICKLED_WEIGHTS}, a pickle, "
                "which can run code when it is read and is not opened here; choose a revision that "
                "has it, or download the model's folder and run 'ldpf backbone convert "
                f"FOLDER/{PICKLED_WEIGHTS} FOLDER', which executes nothing of it."
            )
        raise BackboneError(
            f"The OpenCLIP model {name!r} has no {WEIGHTS[0]}; choose a revision or a copy that "
            "has it."
        )

    def load(self, checkpoint: Checkpoint) -> tuple[CLIPModel, Any, Any]:
        """By renaming the weights into transformers' CLIP.

        Raises:
            BackboneError: a file is missing, the architecture is not a plain CLIP, or the weights
                do not fit it. (Damaged files raise whatever their readers raise.)
        """
        folder = checkpoint.folder
        content = read_config(folder)
        tokenizer = _tokenizer(folder)
        config = transformers_config(content["model_cfg"], str(folder), tokenizer)
        vision: Any = config.vision_config
        preprocess = content.get("preprocess_cfg") or {}
        processor = image_processor(preprocess, vision.image_size, str(folder))
        path = _weights(folder)
        weights = rename(load_file(path))
        bias = weights.pop("logit_bias", None)
        with torch.device("meta"):
            model = CLIPModel(config)
        require_fit(model, weights, path)
        model = model.to_empty(device="cpu").float()
        for name, buffer in model.named_buffers():
            assert name.endswith("position_ids"), name
            buffer.copy_(torch.arange(buffer.shape[-1]))  # a constant, so no checkpoint holds it
        model.load_state_dict(weights, strict=True)
        if bias is not None:  # of a model trained with the sigmoid loss
            model.logit_bias = torch.nn.Parameter(bias.float().reshape(()))
        return model, processor, tokenizer


def _tokenizer(folder: Path) -> Any:
    here = {path.name for path in folder.iterdir()}
    if "tokenizer.json" not in here and not {"vocab.json", "merges.txt"} <= here:
        raise BackboneError(
            f"The OpenCLIP folder {str(folder)!r} has no tokenizer; copy tokenizer.json (or "
            "vocab.json and merges.txt) of 'openai/clip-vit-large-patch14' into it, the tokenizer "
            "that OpenCLIP's plain models are trained with."
        )
    tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    highest = max(tokenizer.get_vocab().values())
    if tokenizer.eos_token_id != highest:
        raise BackboneError(
            f"The tokenizer in {str(folder)!r} has the end token {tokenizer.eos_token!r} with id "
            f"{tokenizer.eos_token_id}, but OpenCLIP reads the sentence at the highest id "
            f"({highest}); it is not the tokenizer of this model."
        )
    return tokenizer


def _weights(folder: Path) -> Path:
    """The file with the weights.

    Raises:
        BackboneError: there is none, or a pickle only.
    """
    for name in WEIGHTS:
        if (folder / name).exists():
            return folder / name
    if (folder / PICKLED_WEIGHTS).exists():
        raise BackboneError(
            f"The OpenCLIP folder {str(folder)!r} has its weights as {PICKLED_WEIGHTS} only, a "
            "pickle, which can run code when it is read and is not opened here; run 'ldpf backbone "
            f"convert {folder / PICKLED_WEIGHTS} {folder}' once, which executes nothing of it."
        )
    raise BackboneError(f"The OpenCLIP folder {str(folder)!r} has no {WEIGHTS[0]}.")
