"""`open_clip_config.json` of OpenAI's own CLIP archives, whose sizes are in their weights.

The same rules as `build_model` of https://github.com/openai/CLIP (clip/model.py).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ldpf.errors import BackboneError

_HEAD = 64
"""Channels of an attention head in all of OpenAI's towers."""

NOT_WEIGHTS = frozenset({"input_resolution", "context_length", "vocab_size"})
"""Numbers that the archives keep among the weights."""

_PREPROCESSING = {
    "mean": [0.48145466, 0.4578275, 0.40821073],
    "std": [0.26862954, 0.26130258, 0.27577711],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}


def config_of(weights: dict[str, Tensor], program: str) -> dict[str, Any]:
    """The configuration of a vision transformer of OpenAI's, with QuickGELU where it computes so.

    Args:
        weights: under the names of OpenAI's code, which are OpenCLIP's.
        program: the archive's program, which says what the weights do not: the activation.

    Raises:
        BackboneError: the weights are of another architecture, or the program does not say which
            activation they belong to.
    """
    if any(name.startswith("visual.attnpool.") for name in weights):
        raise BackboneError(
            "The archive's image tower is a ResNet (it has 'visual.attnpool'), and only vision "
            "transformers can be used here; take one of ViT-B-32, ViT-B-16, ViT-L-14."
        )
    try:
        patches, embed_dim = weights["visual.conv1.weight"], weights["text_projection"].shape[1]
        positions = weights["visual.positional_embedding"].shape[0] - 1
        vocabulary, width = weights["token_embedding.weight"].shape
        context = weights["positional_embedding"].shape[0]
        towers = {
            tower: {
                "layers": _layers(weights, prefix),
                "mlp_ratio": _mlp_ratio(weights, prefix),
            }
            for tower, prefix in (("vision_cfg", "visual."), ("text_cfg", ""))
        }
    except (KeyError, IndexError, ValueError) as error:
        raise BackboneError(
            f"The archive is not one of OpenAI's CLIP models (no fitting {error}); its "
            "configuration cannot be told from its weights."
        ) from error
    towers["vision_cfg"] |= {
        "width": patches.shape[0],
        "head_width": _HEAD,
        "patch_size": patches.shape[-1],
        "image_size": patches.shape[-1] * round(positions**0.5),
    }
    towers["text_cfg"] |= {
        "context_length": context,
        "vocab_size": vocabulary,
        "width": width,
        "heads": width // _HEAD,
    }
    model = {"embed_dim": embed_dim, "quick_gelu": _is_quick(program), **towers}
    return {"model_cfg": model, "preprocess_cfg": dict(_PREPROCESSING)}


def _layers(weights: dict[str, Tensor], tower: str) -> int:
    start, end = f"{tower}transformer.resblocks.", ".attn.in_proj_weight"
    return sum(name.startswith(start) and name.endswith(end) for name in weights)


def _mlp_ratio(weights: dict[str, Tensor], tower: str) -> float:
    inner, width = weights[f"{tower}transformer.resblocks.0.mlp.c_fc.weight"].shape
    return inner / width


def _is_quick(program: str) -> bool:
    """Whether the activation is QuickGELU, x sigmoid(1.702 x); a guess would cost accuracy."""
    quick, gelu = "torch.sigmoid(" in program, "torch.gelu(" in program
    if quick == gelu:
        raise BackboneError(
            "The archive's program does not say whether its activation is QuickGELU or GELU; put "
            "the model's open_clip_config.json next to the file."
        )
    return quick
