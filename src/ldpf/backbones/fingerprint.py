"""What a backbone computes, as a hash: weights, preprocessing and tokenizer."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_SETTINGS_WITHOUT_WEIGHTS = (
    "hidden_act",
    "layer_norm_eps",
    "num_attention_heads",
    "eos_token_id",
    "output_stride",
    "tf_padding",
)
"""Settings of a tower that change its features and cannot be seen in its weights."""


_WITHOUT_FAMILY = ("clip", "vision-text-dual-encoder")
"""Families whose name is not hashed: fingerprints are stored with features and trained prompts,
and theirs are older than the other families."""


def fingerprint(model: PreTrainedModel, image_processor: Any, tokenizer: Any) -> str:
    """Identity of a backbone: everything that changes a feature changes it.

    Weights are hashed as loaded, so the same checkpoint stored in another file format keeps its
    fingerprint. Activations, the number of attention heads and the like count too, since they live
    in the config only.

    Returns:
        64 hex digits.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        data = tensor.detach().cpu().contiguous()
        digest.update(f"{name}|{data.dtype}|{tuple(data.shape)}|".encode())
        digest.update(data.reshape(-1).view(torch.uint8).numpy().data)
    config = {
        tower: {key: getattr(part, key, None) for key in _SETTINGS_WITHOUT_WEIGHTS}
        for tower, part in (
            ("text", model.config.text_config),
            ("vision", model.config.vision_config),
        )
    }
    processor = {
        key: getattr(image_processor, key, None)
        for key in (
            "do_resize",
            "size",
            "resample",
            "do_center_crop",
            "crop_size",
            "do_rescale",
            "rescale_factor",
            "do_normalize",
            "image_mean",
            "image_std",
            "do_convert_rgb",
        )
    }
    settings: list[Any] = [config, processor]
    if (family := model.config.model_type) not in _WITHOUT_FAMILY:
        # The name says how sentences are read; special tokens are stored nowhere else.
        tokens = {key: getattr(tokenizer, f"{key}_token_id") for key in ("bos", "eos", "pad")}
        # Of two towers put together, more that their weights do not say.
        more = getattr(model.config, "settings", {})
        settings.append({"family": family, **tokens, **more})
    digest.update(json.dumps(settings, sort_keys=True, default=_plain).encode())
    rules = json.loads(tokenizer.backend_tokenizer.to_str())
    # The last call's padding and truncation are kept in the tokenizer; they are no part of it.
    rules.pop("padding", None)
    rules.pop("truncation", None)
    digest.update(json.dumps(rules, sort_keys=True).encode())
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """Make a transformers setting (a size dictionary, say) something JSON can hold."""
    if hasattr(value, "items"):
        return {key: entry for key, entry in value.items() if entry is not None}
    return str(value)
