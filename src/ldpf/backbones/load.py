"""`load_backbone`: one call for every family of checkpoints."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import torch

from ldpf.backbones.base import Backbone, fingerprint
from ldpf.backbones.hub import resolve_folder
from ldpf.backbones.text_tower import TextTower
from ldpf.errors import BackboneError

log = logging.getLogger("ldpf")

SUPPORTED_TYPES = ("clip", "vision-text-dual-encoder")
"""`model_type` values of config.json that are understood."""


def load_backbone(name_or_folder: str | Path = "nano", device: str = "auto") -> Backbone:
    """Load a frozen image-text model with its own preprocessing and tokenizer.

    Args:
        name_or_folder: `nano` (bundled), a folder in the Hugging Face format, or a hub id such as
            `openai/clip-vit-base-patch16` (`owner/name@revision` for a fixed revision).
        device: `auto` (CUDA where there is one, else the CPU), or a torch device.

    Returns:
        The backbone in float32 and eval mode, no parameter requiring a gradient.

    Raises:
        BackboneError: it cannot be found, reached or loaded, or is of an unsupported family.
    """
    folder = resolve_folder(name_or_folder)
    model_type = _model_type(folder, str(name_or_folder))
    target = pick_device(device)
    if device == "auto":
        log.info("device: %s (%s)", target, "no CUDA" if target.type == "cpu" else "CUDA found")
    from transformers import AutoTokenizer, CLIPModel, VisionTextDualEncoderModel

    model_class = CLIPModel if model_type == "clip" else VisionTextDualEncoderModel
    try:
        with _quiet():
            model, report = model_class.from_pretrained(
                folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
            )
            _require_tokenizer(folder)
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            image_processor = _image_processor(folder)
    except Exception as error:  # what damaged files raise shares no base: some is bare Exception
        raise BackboneError(
            f"The backbone folder {str(folder)!r} could not be loaded ({_first_line(error)}); it "
            "needs config.json, model.safetensors, tokenizer.json and preprocessor_config.json "
            "as transformers' save_pretrained writes them."
        ) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise BackboneError(
            f"The weights in {str(folder)!r} lack {len(missing)} tensors of the model (first: "
            f"{missing[0]!r}); the file belongs to another architecture or is incomplete."
        )
    # Convolutional towers run up to twice as fast on a CPU with the channels last.
    model = model.eval().requires_grad_(False).to(target, memory_format=torch.channels_last)
    return assemble(str(name_or_folder), model, image_processor, tokenizer)


def assemble(name: str, model, image_processor, tokenizer) -> Backbone:
    """Build a `Backbone` from transformers' parts (a checkpoint just loaded, or made in a test).

    Raises:
        BackboneError: the text tower is not CLIP's, or the tokenizer is not a fast one or lacks
            start and end tokens.
    """
    text_config = model.config.text_config
    if text_config.model_type != "clip_text_model":
        raise BackboneError(
            f"The backbone {name!r} has a text tower of type {text_config.model_type!r}; only "
            "CLIP's own text tower ('clip_text_model') can carry learnable prompts here."
        )
    if not getattr(tokenizer, "is_fast", False):
        raise BackboneError(
            f"The backbone {name!r} has no fast tokenizer (tokenizer.json); save it once with "
            "AutoTokenizer.from_pretrained(...).save_pretrained(...)."
        )
    if tokenizer.bos_token_id is None or tokenizer.eos_token_id is None:
        raise BackboneError(
            f"The tokenizer of {name!r} names no start or end token (bos_token="
            f"{tokenizer.bos_token!r}, eos_token={tokenizer.eos_token!r}); CLIP's needs both."
        )
    vocabulary = text_config.vocab_size
    if len(tokenizer) > vocabulary:
        raise BackboneError(
            f"The tokenizer of {name!r} has {len(tokenizer)} entries but the text tower only "
            f"{vocabulary}; they do not belong together."
        )
    tower = TextTower(
        model=model.text_model,
        projection=model.text_projection,
        tokenizer=tokenizer,
        bos_id=int(tokenizer.bos_token_id),
        eos_id=int(tokenizer.eos_token_id),
        context_length=int(text_config.max_position_embeddings),
    )
    return Backbone(
        name=name,
        model=model,
        image_processor=image_processor,
        tokenizer=tokenizer,
        text=tower,
        fingerprint=fingerprint(model, image_processor, tokenizer),
    )


def _model_type(folder: Path, name: str) -> str:
    config = folder / "config.json"
    if not config.exists():
        raise BackboneError(
            f"The folder {str(folder)!r} has no config.json, so it is no Hugging Face checkpoint; "
            "give the folder that holds config.json and model.safetensors."
        )
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BackboneError(f"{str(config)!r} is not valid JSON ({error}).") from error
    model_type = content.get("model_type") if isinstance(content, dict) else None
    if model_type not in SUPPORTED_TYPES:
        raise BackboneError(
            f"The backbone {name!r} is of type {model_type!r}; supported are "
            f"{' and '.join(repr(kind) for kind in SUPPORTED_TYPES)}."
        )
    return model_type


def _require_tokenizer(folder: Path) -> None:
    # Without its files transformers makes up a tokenizer that knows no words, and says nothing.
    if not any((folder / name).exists() for name in ("tokenizer.json", "vocab.json")):
        raise FileNotFoundError("there is no tokenizer.json")


def _image_processor(folder: Path):
    # The class is taken as written in the checkpoint; transformers picks its PIL version by itself
    # where torchvision is not installed.
    from transformers import AutoImageProcessor

    return AutoImageProcessor.from_pretrained(folder, local_files_only=True, backend="pil")


def pick_device(device: str) -> torch.device:
    """The torch device that `device` names; `auto` is CUDA where there is one, else the CPU.

    Raises:
        BackboneError: it cannot be used here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        target = torch.device(device)
        torch.empty(0, device=target)
    except (RuntimeError, AssertionError) as error:
        raise BackboneError(
            f"The device {device!r} cannot be used here ({_first_line(error)}); use 'cpu' or "
            "'auto'."
        ) from error
    return target


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence transformers' loading bar and notes; what matters of them is checked by hand."""
    from transformers.utils import logging as hf_logging

    bar, level = hf_logging.is_progress_bar_enabled(), hf_logging.get_verbosity()
    hf_logging.disable_progress_bar()
    hf_logging.set_verbosity_error()
    try:
        yield
    finally:
        hf_logging.set_verbosity(level)
        if bar:
            hf_logging.enable_progress_bar()


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
