"""What differs between the families of image-text models that are supported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ldpf.backbones.text_tower import Pooling, TextTower
from ldpf.errors import BackboneError

MODEL_CLASSES = {
    "clip": "CLIPModel",
    "metaclip_2": "MetaClip2Model",
    "siglip": "SiglipModel",
    "vision-text-dual-encoder": "VisionTextDualEncoderModel",
}
"""transformers' class for each `model_type` of config.json that is understood. SigLIP 2 at a fixed
resolution is of type 'siglip', too."""

SUPPORTED = (
    "'clip', 'metaclip_2', 'siglip' (SigLIP, and SigLIP 2 at a fixed resolution) and "
    "'vision-text-dual-encoder' in the Hugging Face format, and OpenCLIP's plain transformers"
)


@dataclass(frozen=True)
class TextRules:
    """How a family reads a sentence.

    Attributes:
        causal, pooling, lower_case: as in `TextTower`.
        start: whether sentences begin with [SOS].
    """

    causal: bool
    pooling: Pooling
    lower_case: bool
    start: bool


_CLIP = TextRules(causal=True, pooling="eos", lower_case=False, start=True)
_SIGLIP = TextRules(causal=False, pooling="last", lower_case=True, start=False)

TEXT_RULES = {
    "clip_text_model": _CLIP,
    "metaclip_2_text_model": _CLIP,
    "siglip_text_model": _SIGLIP,
}
"""By `model_type` of the text tower's config. MetaCLIP 2 differs from CLIP in its tokenizer only,
one of XLM-R's kind (Chuang et al. 2025, arXiv 2507.22062). SigLIP was trained on lower-case
sentences without [SOS], padded to 64 tokens that all see each other, and reads the last position
(Zhai et al. 2023, arXiv 2303.15343; SigLIP 2: Tschannen et al. 2025, arXiv 2502.14786)."""


def require_supported(model_type: Any, name: str) -> str:
    """The `model_type` of a config.json, if it is one of `MODEL_CLASSES`.

    Raises:
        BackboneError: it is not.
    """
    if model_type == "siglip2":
        raise BackboneError(
            f"The backbone {name!r} is of type 'siglip2', a NaFlex model, which cuts every image "
            "into another number of patches; use SigLIP 2 at a fixed resolution, such as "
            "'google/siglip2-base-patch16-224'."
        )
    if model_type not in MODEL_CLASSES:
        raise BackboneError(
            f"The backbone {name!r} is of type {model_type!r}; supported are {SUPPORTED}."
        )
    return model_type


def text_tower(name: str, model: Any, tokenizer: Any) -> TextTower:
    """The text tower of a transformers model, with its family's rules.

    Raises:
        BackboneError: the tower cannot carry prompts, or the tokenizer does not belong to it.
    """
    config = model.config.text_config
    rules = TEXT_RULES.get(config.model_type)
    # SigLIP's projection is a part of its text model; a second one behind it is another model.
    inside = rules is _SIGLIP
    if rules is None or (inside and hasattr(model, "text_projection")):
        raise BackboneError(
            f"The backbone {name!r} has a text tower of type {config.model_type!r}; only CLIP's "
            "('clip_text_model'), MetaCLIP 2's and SigLIP's own can carry learnable prompts here."
        )
    _require_tokens(name, tokenizer, rules, config)
    return TextTower(
        model=model.text_model,
        projection=model.text_model.head if inside else model.text_projection,
        tokenizer=tokenizer,
        bos_id=int(tokenizer.bos_token_id) if rules.start else None,
        eos_id=int(tokenizer.eos_token_id),
        context_length=int(config.max_position_embeddings),
        causal=rules.causal,
        pooling=rules.pooling,
        lower_case=rules.lower_case,
    )


def _require_tokens(name: str, tokenizer: Any, rules: TextRules, config: Any) -> None:
    """Raise BackboneError unless the tokenizer is a fast one, with the tokens the tower needs."""
    if not getattr(tokenizer, "is_fast", False):
        raise BackboneError(
            f"The backbone {name!r} has no fast tokenizer (tokenizer.json); save it once with "
            "AutoTokenizer.from_pretrained(...).save_pretrained(...)."
        )
    if rules.start and (tokenizer.bos_token_id is None or tokenizer.eos_token_id is None):
        raise BackboneError(
            f"The tokenizer of {name!r} names no start or end token (bos_token="
            f"{tokenizer.bos_token!r}, eos_token={tokenizer.eos_token!r}); CLIP's needs both."
        )
    if not rules.start and (tokenizer.eos_token_id is None or tokenizer.pad_token_id is None):
        raise BackboneError(
            f"The tokenizer of {name!r} names no end or padding token (eos_token="
            f"{tokenizer.eos_token!r}, pad_token={tokenizer.pad_token!r}); SigLIP's needs both."
        )
    if len(tokenizer) > config.vocab_size:
        raise BackboneError(
            f"The tokenizer of {name!r} has {len(tokenizer)} entries but the text tower only "
            f"{config.vocab_size}; they do not belong together."
        )
    # MetaCLIP 2's forward pass looks for this id; not finding it, it would read the first position.
    searched = config.model_type == "metaclip_2_text_model"
    if searched and config.eos_token_id != tokenizer.eos_token_id:
        raise BackboneError(
            f"The config of {name!r} names the end token {config.eos_token_id}, its tokenizer "
            f"{tokenizer.eos_token_id}; they do not belong together."
        )
