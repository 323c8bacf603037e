"""Fields of `open_clip_config.json`: which are understood, and which are refused by their name.

A field that is passed over would give features that are quietly wrong. So every field is either
understood, known to change nothing, at the value that says 'as in CLIP', or refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ldpf.errors import BackboneError

CONFIG = "open_clip_config.json"

PLAIN_IMAGE: dict[str, Any] = {
    "layers": 12,
    "width": 768,
    "head_width": 64,
    "mlp_ratio": 4.0,
    "patch_size": 16,
    "image_size": 224,
}
"""Settings of OpenCLIP's own image tower, with its values where the file leaves them away."""

TIMM_IMAGE: dict[str, Any] = {
    "timm_model_name": None,
    "timm_pool": "avg",
    "timm_proj": "linear",
    "timm_proj_bias": False,
    "image_size": 224,
}

PLAIN_TEXT: dict[str, Any] = {
    "context_length": 77,
    "vocab_size": 49408,
    "width": 512,
    "heads": 8,
    "layers": 12,
    "mlp_ratio": 4.0,
    "no_causal_mask": False,
    "pool_type": "argmax",
    "proj_bias": False,
    "norm_kwargs": None,
    "act_kwargs": None,
    "hf_tokenizer_name": None,
    "tokenizer_kwargs": None,
}

HF_TEXT: dict[str, Any] = {
    "hf_model_name": None,
    "hf_tokenizer_name": None,
    "hf_proj_type": "mlp",
    "hf_pooler_type": "mean_pooler",
    "context_length": 77,
    "tokenizer_kwargs": None,
}

_TRAINING_ONLY = {"patch_dropout", "timm_model_pretrained", "timm_drop", "timm_drop_path"}
_TIMM_DETAILS = {"timm_pool", "timm_proj", "timm_proj_bias"}
_HF_DETAILS = {"hf_model_pretrained", "hf_proj_type", "hf_pooler_type"}
_ATTENTION_POOL_DETAILS = {"attn_pooler_queries", "attn_pooler_heads"}
_OWN_BLOCKS = {
    "ls_init_value",
    "act_kwargs",
    "norm_kwargs",
    "block_type",
    "qk_norm",
    "scaled_cosine_attn",
    "scale_heads",
    "scale_attn_inner",
    "scale_attn",
    "scale_fc",
    "pool_type",
    "final_ln_after_pool",
}
"""Details of OpenCLIP's own transformers, which a tower of another library does not have."""

_HARMLESS_VALUES: dict[str, tuple[Any, ...]] = {
    "pool_type": ("tok", "argmax"),
    "pos_embed_type": ("learnable",),
    "proj_type": ("linear",),
    "block_type": (None, "default"),
}
"""Values that say 'as in CLIP'; of every other field None, False, "" and {}
do."""


@dataclass(frozen=True)
class _Kind:
    """A kind of tower.

    Attributes:
        understood: settings with their defaults.
        without_effect: settings that change nothing in a trained tower of this kind: starting
            values, training only, details of parts that it does not have.
    """

    understood: dict[str, Any]
    without_effect: set[str] = field(default_factory=set)


_PLAIN_IMAGE = _Kind(PLAIN_IMAGE, _TRAINING_ONLY | _TIMM_DETAILS | _ATTENTION_POOL_DETAILS)
_TIMM_IMAGE = _Kind(
    TIMM_IMAGE,
    _TRAINING_ONLY
    | _ATTENTION_POOL_DETAILS
    | _OWN_BLOCKS
    | PLAIN_IMAGE.keys()
    | {"attentional_pool", "no_ln_pre", "pos_embed_type"},
)
_PLAIN_TEXT = _Kind(PLAIN_TEXT, _HF_DETAILS | {"pad_id", "eos_id"})
_HF_TEXT = _Kind(
    HF_TEXT,
    _OWN_BLOCKS
    | PLAIN_TEXT.keys()
    | {"hf_model_pretrained", "pad_id", "eos_id", "embed_cls", "proj_type"},
)
_MODEL = _Kind(
    {"embed_dim": None, "quick_gelu": False, "vision_cfg": None, "text_cfg": None},
    {
        "init_logit_scale",
        "init_logit_bias",
        "nonscalar_logit_scale",
        "custom_text",
        "output_dict",
        "cast_dtype",
    },
)


@dataclass(frozen=True)
class Fields:
    """A model's configuration with every setting that is understood.

    Attributes:
        name: of the model, for messages.
        embed_dim: D.
        quick_gelu: whether OpenCLIP's own towers compute QuickGELU: exactly if the field is true; a
            file without it means GELU by the format's definition.
        image, text: settings of the towers.
    """

    name: str
    embed_dim: int
    quick_gelu: bool
    image: dict[str, Any]
    text: dict[str, Any]

    @classmethod
    def read(cls, model: dict[str, Any], name: str) -> Fields:
        """The fields of `model_cfg`.

        Raises:
            BackboneError: a field asks for something that is not supported.
        """
        quick = model.get("quick_gelu", False)
        image, text = model["vision_cfg"], model["text_cfg"]
        kinds = {
            "model_cfg": (model, _MODEL),
            "vision_cfg": (image, _TIMM_IMAGE if image.get("timm_model_name") else _PLAIN_IMAGE),
            "text_cfg": (text, _HF_TEXT if text.get("hf_model_name") else _PLAIN_TEXT),
        }
        for part, (settings, kind) in kinds.items():
            _refuse_unknown(name, part, settings, kind)
        if not isinstance(quick, bool):
            raise BackboneError(unsupported(name, "quick_gelu", quick))
        full = {
            part: kind.understood | {k: v for k, v in settings.items() if k in kind.understood}
            for part, (settings, kind) in kinds.items()
        }
        return cls(name, model["embed_dim"], quick, full["vision_cfg"], full["text_cfg"])

    @property
    def timm_image(self) -> bool:
        """Whether the image tower is one of timm's."""
        return "timm_model_name" in self.image

    @property
    def hf_text(self) -> bool:
        """Whether the text tower is one of transformers'."""
        return "hf_model_name" in self.text

    @property
    def as_in_clip(self) -> bool:
        """Whether both towers are CLIP's, so that transformers' CLIP is the whole model."""
        if self.timm_image or self.hf_text:
            return False
        others = ("no_causal_mask", "proj_bias", "norm_kwargs", "act_kwargs", "hf_tokenizer_name")
        return self.text["pool_type"] == "argmax" and not any(self.text[key] for key in others)

    def refuse(self, place: str, value: Any) -> BackboneError:
        """The error for a field whose value is not supported."""
        return BackboneError(unsupported(self.name, place, value))

    def side(self, place: str, value: Any) -> int:
        """A size in pixels that may be written as height and width.

        Raises:
            BackboneError: they differ.
        """
        sides = value if isinstance(value, list) else [value]
        if len(set(sides)) != 1 or not isinstance(sides[0], int):
            raise self.refuse(place, value)
        return sides[0]


def _refuse_unknown(name: str, part: str, settings: dict[str, Any], kind: _Kind) -> None:
    for key, value in settings.items():
        if key in kind.understood or key in kind.without_effect:
            continue
        if value in (None, "", {}) or value is False:
            continue
        if value not in _HARMLESS_VALUES.get(key, ()):
            raise BackboneError(
                unsupported(name, key if part == "model_cfg" else f"{part}.{key}", value)
            )


def unsupported(name: str, place: str, value: Any) -> str:
    """The refusal of a field."""
    return (
        f"The OpenCLIP model {name!r} has {place}={value!r} in {CONFIG}, which is not supported; "
        "use a checkpoint in the Hugging Face format if there is one."
    )
