"""SigLIP, and SigLIP 2 at a fixed resolution, in the Hugging Face format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast

from ldpf.backbones.families.base import FAMILIES, Checkpoint
from ldpf.backbones.families.text_rules import SIGLIP_TEXT
from ldpf.backbones.families.transformers_family import (
    TransformersFamily,
    require_tokenizer_file,
)
from ldpf.backbones.text_tower import TextTower
from ldpf.errors import BackboneError

_NAFLEX = "siglip2"


@FAMILIES.register("siglip")
class SigLIP(TransformersFamily):
    """SigLIP (Zhai et al. 2023, arXiv 2303.15343) and SigLIP 2 at a fixed resolution.

    SigLIP 2 (Tschannen et al. 2025, arXiv 2502.14786) at a fixed resolution has the model type
    'siglip', too; 'siglip2' is its NaFlex variant, which is refused.
    """

    model_type = "siglip"
    model_class = "SiglipModel"
    text = SIGLIP_TEXT

    def recognizes(self, checkpoint: Checkpoint) -> bool:
        """By the `model_type` of config.json.

        Raises:
            BackboneError: it is a NaFlex model.
        """
        if checkpoint.model_type == _NAFLEX:
            raise BackboneError(
                f"The backbone {checkpoint.name!r} is of type 'siglip2', a NaFlex model, which "
                "cuts every image into another number of patches; use SigLIP 2 at a fixed "
                "resolution, such as 'google/siglip2-base-patch16-224'."
            )
        return super().recognizes(checkpoint)

    def tokenizer(self, folder: Path) -> Any:
        """From tokenizer.json, whatever class the checkpoint names.

        The class that SigLIP's files name needs the sentencepiece package, and SigLIP 2's is
        another model's; tokenizer.json holds the rules of both.
        """
        require_tokenizer_file(folder)
        return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)

    def text_tower(self, name: str, model: Any, tokenizer: Any) -> TextTower:
        """The text tower; an image tower without a feature is refused first."""
        if not getattr(model.config.vision_config, "vision_use_head", True):
            raise BackboneError(
                f"The backbone {name!r} has vision_use_head=False, so its image tower ends in "
                "patches and gives no feature of an image; use a checkpoint with the pooling head."
            )
        return super().text_tower(name, model, tokenizer)
