"""CLIP in the Hugging Face format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ldpf.backbones.families.base import FAMILIES, Checkpoint
from ldpf.backbones.families.text_rules import CLIP_TEXT
from ldpf.backbones.families.transformers_family import TransformersFamily
from ldpf.backbones.open_clip_config import CONFIG, read_config
from ldpf.errors import BackboneError


@FAMILIES.register("clip")
class CLIP(TransformersFamily):
    """CLIP (Radford et al. 2021, arXiv 2103.00020)."""

    model_type = "clip"
    model_class = "CLIPModel"
    text = CLIP_TEXT

    def load(self, checkpoint: Checkpoint) -> tuple[Any, Any, Any]:
        """By transformers; refused if OpenCLIP's config in the same folder contradicts."""
        model, image_processor, tokenizer = super().load(checkpoint)
        if CONFIG in checkpoint.files:
            _require_same_activation(checkpoint.folder, model)
        return model, image_processor, tokenizer


def _require_same_activation(folder: Path, model: Any) -> None:
    """Where a folder has both formats' configs: refuse two answers about the activation.

    The weights work with either, one of them quietly worse, and nothing in them says which.
    """
    model_config = read_config(folder)["model_cfg"]
    quick = bool(model_config.get("quick_gelu", False))
    for tower, part in (("text", "text_cfg"), ("vision", "vision_cfg")):
        if model_config[part].get("timm_model_name") or model_config[part].get("hf_model_name"):
            continue  # quick_gelu says nothing about these
        act = getattr(model.config, f"{tower}_config").hidden_act
        if (act == "quick_gelu") != quick:
            raise BackboneError(
                f"In {str(folder)!r} config.json gives the {tower} tower the activation {act!r}, "
                f"but {CONFIG} has quick_gelu={quick}; find out which the weights were trained "
                "with, then correct the other file or delete it."
            )
