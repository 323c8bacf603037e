"""Checkpoints in the Hugging Face format, which transformers loads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
import transformers
from transformers import AutoImageProcessor, AutoTokenizer

from ldpf.backbones.families.base import BackboneFamily, Checkpoint
from ldpf.errors import BackboneError


class TransformersFamily(BackboneFamily):
    """Base of the families that are a model class of transformers.

    Attributes:
        model_type: in config.json.
        model_class: name of transformers' class.
    """

    model_type: ClassVar[str]
    model_class: ClassVar[str]
    needs: ClassVar[str] = (
        "config.json, model.safetensors, tokenizer.json and preprocessor_config.json as "
        "transformers' save_pretrained writes them"
    )

    def recognizes(self, checkpoint: Checkpoint) -> bool:
        """By the `model_type` of config.json."""
        return checkpoint.model_type == self.model_type

    def weight_files(self, files: Sequence[str], name: str) -> list[str]:
        """safetensors where they exist, else PyTorch's own format."""
        top = [file for file in files if "/" not in file]
        for ending in (".safetensors", ".bin"):
            weights = [
                file
                for file in top
                if file.endswith(ending) and file.startswith(("model", "pytorch_model"))
            ]
            if weights:
                return weights
        raise BackboneError(
            f"The hub model {name!r} has no model.safetensors or pytorch_model.bin in it; give a "
            "CLIP checkpoint in the Hugging Face format."
        )

    def load(self, checkpoint: Checkpoint) -> tuple[Any, Any, Any]:
        """By transformers' own classes; a checkpoint that lacks weights is refused."""
        folder = checkpoint.folder
        model, report = getattr(transformers, self.model_class).from_pretrained(
            folder,
            local_files_only=True,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # refused below, by their names
        )
        if other := sorted(report["mismatched_keys"]):
            name, kept, expected = other[0]
            raise BackboneError(
                f"In {str(folder)!r} the tensor {name!r} has the shape {tuple(kept)}, but "
                f"config.json asks for {tuple(expected)} ({len(other)} such tensors); the two "
                "files are of different checkpoints."
            )
        tokenizer = self.tokenizer(folder)
        image_processor = load_image_processor(folder)
        missing = sorted(report["missing_keys"])
        if missing:
            raise BackboneError(
                f"The weights in {str(folder)!r} lack {len(missing)} tensors of the model (first: "
                f"{missing[0]!r}); the file belongs to another architecture or is incomplete."
            )
        return model, image_processor, tokenizer

    def tokenizer(self, folder: Path) -> Any:
        """The checkpoint's tokenizer."""
        require_tokenizer_file(folder)
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def require_tokenizer_file(folder: Path) -> None:
    """Raise FileNotFoundError if transformers would make up a tokenizer that knows no words."""
    if not any((folder / name).exists() for name in ("tokenizer.json", "vocab.json")):
        raise FileNotFoundError("there is no tokenizer.json")


def load_image_processor(folder: Path) -> Any:
    """The checkpoint's preprocessing."""
    # The class is taken as written in the checkpoint; transformers picks its PIL version by itself
    # where torchvision is not installed.
    return AutoImageProcessor.from_pretrained(folder, local_files_only=True, backend="pil")
