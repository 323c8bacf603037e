"""OpenCLIP checkpoints whose towers are not both CLIP's: built, filled with weights, and read."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ldpf.backbones import hf_text, timm_image
from ldpf.backbones.dual_model import DualConfig, DualModel, OwnText, PlainImage, TextPart
from ldpf.backbones.open_clip_config import text_config, vision_config
from ldpf.backbones.open_clip_fields import Fields
from ldpf.backbones.open_clip_tokenizer import Cleaning, special_tokens
from ldpf.backbones.open_clip_weights import rename, require_fit
from ldpf.backbones.pooling import Pooling
from ldpf.backbones.text_tower import TextTower
from ldpf.errors import BackboneError

DUAL = DualConfig.model_type

_POOLING: dict[str, Pooling] = {"argmax": "eos", "last": "last"}
_NOT_IDENTITY = ("transformers_version", "_name_or_path", "architectures", "dtype", "torch_dtype")
"""Entries of a config of transformers that change no feature."""


def build_dual(fields: Fields, tokenizer: Any, path: Path) -> DualModel:
    """The model of an OpenCLIP checkpoint, one tower or both not CLIP's.

    Args:
        fields: its configuration.
        tokenizer: of its text tower.
        path: its weights; the folder they lie in may hold the config of a language model.

    Raises:
        BackboneError: a tower cannot be built, or the weights do not fit.
    """
    weights = _under_our_names(fields, load_file(path))
    image, image_config = _image(fields)
    text, sentence_config = _text(fields, tokenizer, path.parent)
    settings = {
        "image": {k: v for k, v in fields.image.items() if fields.timm_image},
        "text": _identity(fields, sentence_config),
    }
    config = DualConfig(sentence_config, image_config, settings)
    model = DualModel(image, text, config, with_bias="logit_bias" in weights).float()
    require_fit(model, weights, path)
    model.load_state_dict(weights, strict=True)
    if fields.hf_text:
        assert isinstance(text, hf_text.HFText)
        text.scale_embeddings()
        ids = torch.tensor([tokenizer("a photo of a cat")["input_ids"]])
        hf_text.check_takes_embeddings(text.eval(), ids, fields.name)
    return model


def dual_text_tower(name: str, model: DualModel, tokenizer: Any) -> TextTower:
    """The text tower of a model that `build_dual` made.

    Raises:
        BackboneError: the tokenizer does not belong to it.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise BackboneError(
            f"The backbone {name!r} has no fast tokenizer (tokenizer.json); save it once with "
            "AutoTokenizer.from_pretrained(...).save_pretrained(...)."
        )
    vocabulary = model.config.text_config.vocab_size
    if len(tokenizer) > vocabulary:
        raise BackboneError(
            f"The tokenizer of {name!r} has {len(tokenizer)} entries but the text tower only "
            f"{vocabulary}; they do not belong together."
        )
    start, end = special_tokens(tokenizer, name)
    rules = model.config.settings["text"]
    return TextTower(
        model=model.text.model,
        projection=model.text.projection,
        tokenizer=tokenizer,
        bos_id=start,
        eos_id=end,
        context_length=rules["context_length"],
        causal=model.text.causal,
        pooling=model.text.pooling,
        lower_case=rules["lower_case"],
        drop_punctuation=rules["drop_punctuation"],
        masks_padding=model.text.masks_padding,
        padding_id=rules["padding_id"],
    )


def _image(fields: Fields) -> tuple[nn.Module, Any]:
    """The image tower with random weights, and its config."""
    if fields.timm_image:
        name = fields.image["timm_model_name"]
        return timm_image.build(fields), SimpleNamespace(model_type="timm", timm_model_name=name)
    config = vision_config(fields)
    return PlainImage(config), config


def _text(fields: Fields, tokenizer: Any, folder: Path) -> tuple[TextPart, Any]:
    """The text tower with random weights, and its config."""
    if fields.hf_text:
        config = hf_text.read_config(folder, fields.text["hf_model_name"])
        return hf_text.build(fields, config), config
    pooling = _POOLING.get(fields.text["pool_type"])
    if pooling is None:
        raise fields.refuse("text_cfg.pool_type", fields.text["pool_type"])
    config = text_config(fields, tokenizer)
    text = OwnText(
        config,
        fields.embed_dim,
        causal=not fields.text["no_causal_mask"],
        pooling=pooling,
        projection_bias=bool(fields.text["proj_bias"]),
    )
    return text, config


def _identity(fields: Fields, config: Any) -> dict[str, Any]:
    """How sentences are read and what cannot be seen in the weights, as plain values."""
    cleaning = Cleaning.of(fields)
    named = bool(fields.text["hf_tokenizer_name"]) or fields.hf_text
    described = {k: v for k, v in config.to_diff_dict().items() if k not in _NOT_IDENTITY}
    return {
        "config": described,
        "context_length": fields.text["context_length"],
        "pool": fields.text["hf_pooler_type"] if fields.hf_text else fields.text["pool_type"],
        "causal": not (fields.hf_text or fields.text["no_causal_mask"]),
        "lower_case": cleaning.lower_case,
        "drop_punctuation": cleaning.drop_punctuation,
        # CLIP's own tokenizer fills sentences with zeros in OpenCLIP, with [EOS] in transformers.
        "padding_id": None if named else 0,
    }


def _under_our_names(fields: Fields, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """OpenCLIP's tensors under the names of a `DualModel`."""
    image = {name: t for name, t in weights.items() if name.startswith("visual.")}
    scalars = {name: t.reshape(()) for name, t in weights.items() if name.startswith("logit_")}
    text = {name: t for name, t in weights.items() if name not in image and name not in scalars}
    if fields.timm_image:
        image = {name.removeprefix("visual."): tensor for name, tensor in image.items()}
    else:
        image = rename(image)
    if fields.hf_text:
        text = {name.removeprefix("text."): tensor for name, tensor in text.items()}
        # A constant that old files hold.
        text.pop("transformer.embeddings.position_ids", None)
    else:
        text = rename(text)
    return {
        **{f"image.{name}": tensor for name, tensor in image.items()},
        **{f"text.{name}": tensor for name, tensor in text.items()},
        **scalars,
    }
