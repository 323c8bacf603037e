"""`load_backbone`: one call for every family of checkpoints."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from ldpf.backbones.base import Backbone
from ldpf.backbones.families import MODEL_CLASSES, require_supported, text_tower
from ldpf.backbones.fingerprint import fingerprint
from ldpf.backbones.hub import resolve_folder
from ldpf.backbones.open_clip import WEIGHTS, is_open_clip, load_open_clip
from ldpf.backbones.open_clip_config import CONFIG, read_config
from ldpf.errors import BackboneError
from ldpf.utils.files import read_json

log = logging.getLogger("ldpf")

_NEEDS = (
    "config.json, model.safetensors, tokenizer.json and preprocessor_config.json as transformers' "
    "save_pretrained writes them"
)
_OPEN_CLIP_NEEDS = (
    f"{CONFIG}, {WEIGHTS} and tokenizer.json as OpenCLIP's push_to_hf_hub writes them"
)


def load_backbone(name_or_folder: str | Path = "nano", device: str = "auto") -> Backbone:
    """Load a frozen image-text model with its own preprocessing and tokenizer.

    Args:
        name_or_folder: `nano` (bundled), a folder in the Hugging Face format or OpenCLIP's, or a
            hub id such as `openai/clip-vit-base-patch16` (`owner/name@revision` for a fixed
            revision).
        device: `auto` (CUDA where there is one, else the CPU), or a torch device.

    Returns:
        The backbone in float32 and eval mode, no parameter requiring a gradient.

    Raises:
        BackboneError: it cannot be found, reached or loaded, or is of an unsupported family.
    """
    folder = resolve_folder(name_or_folder)
    config = _config(folder)
    names = {path.name for path in folder.iterdir()}
    from_open_clip = is_open_clip(names, config)
    model_type = None
    if not from_open_clip:
        model_type = require_supported(_type_in(config), str(name_or_folder))
    target = pick_device(device)
    if device == "auto":
        log.info("device: %s (%s)", target, "no CUDA" if target.type == "cpu" else "CUDA found")
    try:
        with _quiet():
            if from_open_clip:
                model, image_processor, tokenizer = load_open_clip(folder)
            else:
                model, image_processor, tokenizer = _load_transformers(folder, model_type)
    except BackboneError:
        raise
    except Exception as error:  # what damaged files raise shares no base: some is bare Exception
        needs = _OPEN_CLIP_NEEDS if from_open_clip else _NEEDS
        raise BackboneError(
            f"The backbone folder {str(folder)!r} could not be loaded ({_first_line(error)}); it "
            f"needs {needs}."
        ) from error
    if CONFIG in names and model_type in ("clip", "metaclip_2"):
        _require_same_activation(folder, model)
    # Convolutional towers run up to twice as fast on a CPU with the channels last.
    model = model.eval().requires_grad_(False).to(target, memory_format=torch.channels_last)
    return assemble(str(name_or_folder), model, image_processor, tokenizer)


def _load_transformers(folder: Path, model_type: str) -> tuple[Any, Any, Any]:
    """Model, image processor and tokenizer of a folder in the Hugging Face format."""
    import transformers

    model, report = getattr(transformers, MODEL_CLASSES[model_type]).from_pretrained(
        folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
    )
    tokenizer = _tokenizer(folder, model_type)
    image_processor = _image_processor(folder)
    missing = sorted(report["missing_keys"])
    if missing:
        raise BackboneError(
            f"The weights in {str(folder)!r} lack {len(missing)} tensors of the model (first: "
            f"{missing[0]!r}); the file belongs to another architecture or is incomplete."
        )
    return model, image_processor, tokenizer


def assemble(name: str, model, image_processor, tokenizer) -> Backbone:
    """Build a `Backbone` from transformers' parts (a checkpoint just loaded, or made in a test).

    Raises:
        BackboneError: the text tower is of no supported kind, the tokenizer does not fit it, or the
            image tower gives no feature.
    """
    tower = text_tower(name, model, tokenizer)
    if not getattr(model.config.vision_config, "vision_use_head", True):  # of SigLIP's image tower
        raise BackboneError(
            f"The backbone {name!r} has vision_use_head=False, so its image tower ends in patches "
            "and gives no feature of an image; use a checkpoint with the pooling head."
        )
    return Backbone(
        name=name,
        model=model,
        image_processor=image_processor,
        tokenizer=tokenizer,
        text=tower,
        fingerprint=fingerprint(model, image_processor, tokenizer),
    )


def _config(folder: Path) -> Any:
    """The content of config.json, or None where only OpenCLIP's config is there."""
    config = folder / "config.json"
    if not config.exists():
        if (folder / CONFIG).exists():
            return None
        raise BackboneError(
            f"The folder {str(folder)!r} has no config.json, so it is no Hugging Face checkpoint "
            f"(nor has it OpenCLIP's {CONFIG}); give the folder that holds config.json and "
            "model.safetensors."
        )
    fix = "download the checkpoint again"
    return read_json(config, "the configuration of the backbone", fix, error=BackboneError)


def _type_in(config: Any) -> Any:
    return config.get("model_type") if isinstance(config, dict) else None


def _require_same_activation(folder: Path, model: Any) -> None:
    """Where a folder has both formats' configs: refuse two answers about the activation.

    The weights work with either, one of them quietly worse, and nothing in them says which.
    """
    opened = read_config(folder)["model_cfg"]
    quick = bool(opened.get("quick_gelu", False))
    for tower, part in (("text", "text_cfg"), ("vision", "vision_cfg")):
        if opened[part].get("timm_model_name") or opened[part].get("hf_model_name"):
            continue  # quick_gelu does not speak of these
        act = getattr(model.config, f"{tower}_config").hidden_act
        if (act == "quick_gelu") != quick:
            raise BackboneError(
                f"In {str(folder)!r} config.json gives the {tower} tower the activation {act!r}, "
                f"but {CONFIG} has quick_gelu={quick}; find out which the weights were trained "
                "with, then correct the other file or delete it."
            )


def _tokenizer(folder: Path, model_type: str) -> Any:
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    # Without its files transformers makes up a tokenizer that knows no words, and says nothing.
    if not any((folder / name).exists() for name in ("tokenizer.json", "vocab.json")):
        raise FileNotFoundError("there is no tokenizer.json")
    if model_type != "siglip":
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    # The class that SigLIP's files name needs the sentencepiece package, and SigLIP 2's is another
    # model's; tokenizer.json holds the rules of both.
    return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)


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
