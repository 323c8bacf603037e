"""How the text tower of a family reads a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ldpf.backbones.pooling import Pooling
from ldpf.backbones.text_tower import TextTower
from ldpf.errors import BackboneError


@dataclass(frozen=True)
class TextRules:
    """How a family reads a sentence.

    Attributes:
        label: what messages call the family.
        model_type: of the text tower's config.
        causal, pooling, lower_case: as in `TextTower`.
        start: whether sentences begin with [SOS].
        projection_inside: whether the projection is a part of the text model (its `head`).
        end_in_config: whether the model's forward pass looks for the config's end token. If it is
            not found, the first position is read, without a warning.
    """

    label: str
    model_type: str
    causal: bool
    pooling: Pooling
    lower_case: bool
    start: bool
    projection_inside: bool = False
    end_in_config: bool = False


CLIP_TEXT = TextRules(
    "CLIP", "clip_text_model", causal=True, pooling="eos", lower_case=False, start=True
)
METACLIP2_TEXT = TextRules(
    "MetaCLIP 2",
    "metaclip_2_text_model",
    causal=True,
    pooling="eos",
    lower_case=False,
    start=True,
    end_in_config=True,
)
"""As CLIP, with a tokenizer of XLM-R's kind."""
SIGLIP_TEXT = TextRules(
    "SigLIP",
    "siglip_text_model",
    causal=False,
    pooling="last",
    lower_case=True,
    start=False,
    projection_inside=True,
)
"""Trained on lower-case sentences without [SOS], padded to 64 tokens that all see each other; the
last position is read."""


def text_tower(name: str, model: Any, tokenizer: Any, rules: TextRules) -> TextTower:
    """The text tower of a transformers model.

    Args:
        name: of the backbone, for messages.
        model: with `text_model` and, unless it is inside, `text_projection`.
        tokenizer: a fast tokenizer.
        rules: of its family.

    Raises:
        BackboneError: the tokenizer does not belong to the tower.
    """
    config = model.config.text_config
    _require_tokens(name, tokenizer, rules, config)
    return TextTower(
        model=model.text_model,
        projection=model.text_model.head if rules.projection_inside else model.text_projection,
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
            f"{tokenizer.bos_token!r}, eos_token={tokenizer.eos_token!r}); {rules.label}'s needs "
            "both."
        )
    if not rules.start and (tokenizer.eos_token_id is None or tokenizer.pad_token_id is None):
        raise BackboneError(
            f"The tokenizer of {name!r} names no end or padding token (eos_token="
            f"{tokenizer.eos_token!r}, pad_token={tokenizer.pad_token!r}); {rules.label}'s needs "
            "both."
        )
    if len(tokenizer) > config.vocab_size:
        raise BackboneError(
            f"The tokenizer of {name!r} has {len(tokenizer)} entries but the text tower only "
            f"{config.vocab_size}; they do not belong together."
        )
    last = max(tokenizer.get_vocab().values(), default=0)  # ids may have gaps
    if last >= config.vocab_size:
        raise BackboneError(
            f"The tokenizer of {name!r} has an entry of number {last} but the text tower only "
            f"{config.vocab_size} entries; they do not belong together."
        )
    if rules.end_in_config and config.eos_token_id != tokenizer.eos_token_id:
        raise BackboneError(
            f"The config of {name!r} names the end token {config.eos_token_id}, its tokenizer "
            f"{tokenizer.eos_token_id}; they do not belong together."
        )
