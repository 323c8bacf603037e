"""OpenCLIP checkpoints: their weights renamed into transformers' CLIP, or two towers put together.

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
from transformers import CLIPModel

from ldpf.backbones.families.base import FAMILIES, BackboneFamily, Checkpoint
from ldpf.backbones.families.text_rules import CLIP_TEXT
from ldpf.backbones.open_clip_config import CONFIG, clip_config, image_processor, read_config
from ldpf.backbones.open_clip_dual import DUAL, build_dual, dual_text_tower
from ldpf.backbones.open_clip_fields import Fields
from ldpf.backbones.open_clip_tokenizer import read_tokenizer
from ldpf.backbones.open_clip_weights import rename, require_fit
from ldpf.backbones.text_tower import TextTower
from ldpf.errors import BackboneError

WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
"""Both names are in use; where a folder has both, the first one is read, as OpenCLIP does."""
PICKLED_WEIGHTS = "open_clip_pytorch_model.bin"


@FAMILIES.register("open-clip")
class OpenCLIP(BackboneFamily):
    """OpenCLIP's own format: its plain transformers, timm's image towers, BERT-like text towers."""

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

    def load(self, checkpoint: Checkpoint) -> tuple[Any, Any, Any]:
        """By renaming the weights into transformers' CLIP, or by putting two towers together.

        Raises:
            BackboneError: a file is missing, the architecture is not supported, or the weights do
                not fit it. (Damaged files raise whatever their readers raise.)
        """
        folder = checkpoint.folder
        content = read_config(folder)
        fields = Fields.read(content["model_cfg"], str(folder))
        tokenizer = read_tokenizer(folder, fields)
        side = fields.side("vision_cfg.image_size", fields.image["image_size"])
        processor = image_processor(content.get("preprocess_cfg") or {}, side, str(folder))
        path = _weights(folder)
        if fields.as_in_clip:
            return _clip(fields, tokenizer, path), processor, tokenizer
        return build_dual(fields, tokenizer, path), processor, tokenizer

    def text_tower(self, name: str, model: Any, tokenizer: Any) -> TextTower:
        """CLIP's, or that of two towers put together."""
        if model.config.model_type == DUAL:
            return dual_text_tower(name, model, tokenizer)
        return super().text_tower(name, model, tokenizer)


def _clip(fields: Fields, tokenizer: Any, path: Path) -> CLIPModel:
    """The weights in transformers' CLIP."""
    config = clip_config(fields, tokenizer)
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
    return model


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
