"""`open_clip_config.json` as a config of transformers; what has no counterpart there is refused.

A field that is passed over would give features that are quietly wrong. So every field is either
understood, known to change nothing, at the value that says 'as in CLIP', or refused by its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL.Image import Resampling
from transformers import CLIPConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from ldpf.errors import BackboneError
from ldpf.utils.files import read_json

CONFIG = "open_clip_config.json"

_DEFAULTS: dict[str, dict[str, Any]] = {
    "vision_cfg": {
        "layers": 12,
        "width": 768,
        "head_width": 64,
        "mlp_ratio": 4.0,
        "patch_size": 16,
        "image_size": 224,
    },
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 512,
        "heads": 8,
        "layers": 12,
        "mlp_ratio": 4.0,
    },
}
"""Settings that are understood, with OpenCLIP's own values where the file leaves them away."""

_WITHOUT_EFFECT = {
    "model_cfg": {
        "init_logit_scale",
        "init_logit_bias",
        "nonscalar_logit_scale",
        "custom_text",
        "output_dict",
        "cast_dtype",
    },
    "vision_cfg": {
        "patch_dropout",
        "attn_pooler_queries",
        "attn_pooler_heads",
        "timm_model_pretrained",
        "timm_pool",
        "timm_proj",
        "timm_proj_bias",
        "timm_drop",
        "timm_drop_path",
    },
    "text_cfg": {"pad_id", "eos_id", "hf_model_pretrained", "hf_proj_type", "hf_pooler_type"},
}
"""Settings that change nothing in a trained plain tower: starting values, training only, details of
parts that other fields switch on."""

_HARMLESS_VALUES: dict[str, tuple[Any, ...]] = {
    "pool_type": ("tok", "argmax"),
    "pos_embed_type": ("learnable",),
    "proj_type": ("linear",),
    "block_type": (None, "default"),
}
"""Values that say 'as in CLIP'; of every other field None, False, "" and {}
do."""


def read_config(folder: Path) -> dict[str, Any]:
    """The content of `open_clip_config.json`.

    Raises:
        BackboneError: it is no JSON, or does not hold a model's configuration.
    """
    path = folder / CONFIG
    fix = "download the checkpoint again"
    content = read_json(path, "the configuration of the backbone", fix, error=BackboneError)
    model = content.get("model_cfg") if isinstance(content, dict) else None
    model = model if isinstance(model, dict) else {}
    if "embed_dim" not in model or not all(isinstance(model.get(k), dict) for k in _DEFAULTS):
        raise BackboneError(
            f"{str(path)!r} has no 'model_cfg' with 'embed_dim', 'vision_cfg' and 'text_cfg'; give "
            "the file that OpenCLIP's push_to_hf_hub writes."
        )
    return content


def transformers_config(model: dict[str, Any], name: str, tokenizer: Any) -> CLIPConfig:
    """`model_cfg` as a config of transformers.

    The activation is QuickGELU exactly if `quick_gelu` is true; a file without the field means GELU
    by the format's definition.

    Raises:
        BackboneError: a field asks for something that transformers' CLIP does not have.
    """
    quick = model.get("quick_gelu", False)
    others = {key: v for key, v in model.items() if key not in ("embed_dim", "quick_gelu")}
    _refuse_unknown(name, "model_cfg", {k: v for k, v in others.items() if k not in _DEFAULTS})
    for tower, understood in _DEFAULTS.items():
        _refuse_unknown(name, tower, {k: v for k, v in model[tower].items() if k not in understood})
    vision = _DEFAULTS["vision_cfg"] | model["vision_cfg"]
    text = _DEFAULTS["text_cfg"] | model["text_cfg"]
    if isinstance(vision["layers"], list):
        raise BackboneError(_unsupported(name, "vision_cfg.layers", vision["layers"]))
    if not isinstance(quick, bool):
        raise BackboneError(_unsupported(name, "quick_gelu", quick))
    act = "quick_gelu" if quick else "gelu"
    return CLIPConfig(
        projection_dim=model["embed_dim"],
        vision_config={
            **_layers(vision, act),
            "num_attention_heads": vision["width"] // vision["head_width"],
            "patch_size": _side(name, "vision_cfg.patch_size", vision["patch_size"]),
            "image_size": _side(name, "vision_cfg.image_size", vision["image_size"]),
            "projection_dim": model["embed_dim"],
        },
        text_config={
            **_layers(text, act),
            "num_attention_heads": text["heads"],
            "max_position_embeddings": text["context_length"],
            "vocab_size": text["vocab_size"],
            "projection_dim": model["embed_dim"],
            # Not the 2 of old files, which means 'the highest id': the token itself.
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
    )


def _layers(tower: dict[str, Any], act: str) -> dict[str, Any]:
    return {
        "hidden_size": tower["width"],
        "intermediate_size": int(tower["width"] * tower["mlp_ratio"]),
        "num_hidden_layers": tower["layers"],
        "hidden_act": act,
        "layer_norm_eps": 1e-5,
    }


def _side(name: str, field: str, value: Any) -> int:
    sides = value if isinstance(value, list) else [value]
    if len(set(sides)) != 1 or not isinstance(sides[0], int):
        raise BackboneError(_unsupported(name, field, value))
    return sides[0]


def _refuse_unknown(name: str, part: str, fields: dict[str, Any]) -> None:
    for field, value in fields.items():
        if field in _WITHOUT_EFFECT[part] or value in (None, "", {}) or value is False:
            continue
        if value not in _HARMLESS_VALUES.get(field, ()):
            place = field if part == "model_cfg" else f"{part}.{field}"
            raise BackboneError(_unsupported(name, place, value))


def _unsupported(name: str, field: str, value: Any) -> str:
    return (
        f"The OpenCLIP model {name!r} has {field}={value!r} in {CONFIG}; only OpenCLIP's plain "
        "vision and text transformers with CLIP's tokenizer can be read, so use a checkpoint in "
        "the Hugging Face format if there is one."
    )


def image_processor(preprocess: dict[str, Any], side: int, name: str) -> Any:
    """OpenCLIP's preprocessing for evaluation as transformers' image processor.

    Args:
        preprocess: `preprocess_cfg`.
        side: of the image tower's input, in pixels.
        name: of the model, for messages.

    Raises:
        BackboneError: a setting that has no counterpart there.
    """
    settings = {key: value for key, value in preprocess.items() if value is not None}
    mode = settings.get("resize_mode", "shortest")
    interpolation = settings.get("interpolation", "bicubic")
    for field, value, allowed in (
        ("resize_mode", mode, ("shortest", "squash")),
        ("interpolation", interpolation, ("bicubic", "bilinear", "random")),
        ("mode", settings.get("mode", "RGB"), ("RGB",)),
    ):
        if value not in allowed:
            raise BackboneError(
                f"The OpenCLIP model {name!r} has preprocess_cfg.{field}={value!r} in {CONFIG}; "
                f"supported: {', '.join(map(repr, allowed))}."
            )
    square = {"height": side, "width": side}
    shortest = mode == "shortest"
    statistics: dict[str, Any] = {
        target: list(value) if isinstance(value, list) else [value] * 3
        for target, key in (("image_mean", "mean"), ("image_std", "std"))
        if (value := settings.get(key)) is not None
    }
    return CLIPImageProcessorPil(
        size={"shortest_edge": side} if shortest else square,
        do_center_crop=shortest,
        crop_size=square,
        # 'random' is a choice for training; evaluation is bicubic then.
        resample=Resampling.BILINEAR if interpolation == "bilinear" else Resampling.BICUBIC,
        **statistics,
    )
