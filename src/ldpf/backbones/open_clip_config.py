"""`open_clip_config.json` as configs of transformers, and as an image processor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL.Image import Resampling
from transformers import CLIPConfig, CLIPTextConfig, CLIPVisionConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from ldpf.backbones.open_clip_fields import CONFIG, Fields
from ldpf.errors import BackboneError
from ldpf.utils.json_files import read_json

__all__ = [
    "CONFIG",
    "clip_config",
    "image_processor",
    "read_config",
    "text_config",
    "vision_config",
]


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
    if "embed_dim" not in model or not all(
        isinstance(model.get(tower), dict) for tower in ("vision_cfg", "text_cfg")
    ):
        raise BackboneError(
            f"{str(path)!r} has no 'model_cfg' with 'embed_dim', 'vision_cfg' and 'text_cfg'; give "
            "the file that OpenCLIP's push_to_hf_hub writes."
        )
    return content


def clip_config(fields: Fields, tokenizer: Any) -> CLIPConfig:
    """Both towers as transformers' CLIP has them.

    Raises:
        BackboneError: a field asks for something that transformers' CLIP does not have.
    """
    return CLIPConfig(
        projection_dim=fields.embed_dim,
        vision_config=_vision(fields),
        text_config=_text(fields, tokenizer),
    )


def vision_config(fields: Fields) -> CLIPVisionConfig:
    """OpenCLIP's own image tower as transformers' config.

    Raises:
        BackboneError: a field asks for something that transformers' CLIP does not have.
    """
    return CLIPVisionConfig(**_vision(fields))


def text_config(fields: Fields, tokenizer: Any) -> CLIPTextConfig:
    """OpenCLIP's own text tower as transformers' config, which does not say how it is pooled.

    Raises:
        BackboneError: a field asks for something that transformers' CLIP does not have.
    """
    return CLIPTextConfig(**_text(fields, tokenizer))


def _vision(fields: Fields) -> dict[str, Any]:
    vision = fields.image
    if isinstance(vision["layers"], list):
        raise fields.refuse("vision_cfg.layers", vision["layers"])
    return {
        **_layers(vision, "quick_gelu" if fields.quick_gelu else "gelu"),
        "num_attention_heads": vision["width"] // vision["head_width"],
        "patch_size": fields.side("vision_cfg.patch_size", vision["patch_size"]),
        "image_size": fields.side("vision_cfg.image_size", vision["image_size"]),
        "projection_dim": fields.embed_dim,
    }


def _text(fields: Fields, tokenizer: Any) -> dict[str, Any]:
    text = fields.text
    tokens = {
        # Not the 2 of old files, which means 'the highest id': the token itself.
        f"{kind}_token_id": getattr(tokenizer, f"{kind}_token_id")
        for kind in ("bos", "eos", "pad")
    }
    return {
        **_layers(text, _text_activation(fields)),
        **_norm(fields),
        "num_attention_heads": text["heads"],
        "max_position_embeddings": text["context_length"],
        "vocab_size": text["vocab_size"],
        "projection_dim": fields.embed_dim,
        **tokens,
    }


def _layers(tower: dict[str, Any], act: str) -> dict[str, Any]:
    return {
        "hidden_size": tower["width"],
        "intermediate_size": int(tower["width"] * tower["mlp_ratio"]),
        "num_hidden_layers": tower["layers"],
        "hidden_act": act,
        "layer_norm_eps": 1e-5,
    }


def _text_activation(fields: Fields) -> str:
    settings = fields.text["act_kwargs"] or {}
    if settings.get("approximate", "none") == "none" and settings.keys() <= {"approximate"}:
        return "quick_gelu" if fields.quick_gelu else "gelu"
    if settings == {"approximate": "tanh"} and not fields.quick_gelu:
        return "gelu_pytorch_tanh"
    raise fields.refuse("text_cfg.act_kwargs", settings)


def _norm(fields: Fields) -> dict[str, Any]:
    settings = fields.text["norm_kwargs"] or {}
    if not settings.keys() <= {"eps"}:
        raise fields.refuse("text_cfg.norm_kwargs", settings)
    return {"layer_norm_eps": settings["eps"]} if settings else {}


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
