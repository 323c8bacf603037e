"""`load_backbone`: one call for every family of checkpoints."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from ldpf.backbones.base import Backbone
from ldpf.backbones.checkpoint_schema import check_folder
from ldpf.backbones.default import DEFAULT_BACKBONE
from ldpf.backbones.devices import pick_device, place
from ldpf.backbones.families import FAMILIES, BackboneFamily, Checkpoint, find_family
from ldpf.backbones.fingerprint import fingerprint
from ldpf.backbones.hub import resolve_folder
from ldpf.errors import BackboneError
from ldpf.utils.text import first_line
from ldpf.utils.torchvision_import import mend_torchvision

log = logging.getLogger("ldpf")
_IMPORTED_IN = os.getpid()


def load_backbone(name_or_folder: str | Path = DEFAULT_BACKBONE, device: str = "auto") -> Backbone:
    """Load a frozen image-text model with its own preprocessing and tokenizer.

    Args:
        name_or_folder: a hub id such as `openai/clip-vit-base-patch16` (`owner/name@revision` for
            a fixed revision), a folder in the Hugging Face format or OpenCLIP's, or `nano`
            (bundled, knows drawings only).
        device: `auto` (CUDA if there is one, else the CPU), or a torch device. A device that gives
            other features than the CPU is not used; see `ldpf.backbones.devices.place`.

    Returns:
        The backbone in float32 and eval mode; no parameter requires a gradient.

    Raises:
        BackboneError: it cannot be found, reached or loaded, or its family is not supported.
    """
    mend_torchvision()  # before a family imports transformers
    name = str(name_or_folder)
    checkpoint = Checkpoint.of(resolve_folder(name), name)
    family = find_family(checkpoint)
    check_folder(checkpoint.folder)
    target = pick_device(device)
    if device == "auto":
        log.info("device: %s (%s)", target, "no CUDA" if target.type == "cpu" else "CUDA found")
    _renew_thread_pool()
    try:
        with _quiet():
            model, image_processor, tokenizer = family.load(checkpoint)
            _check_sizes(checkpoint.folder, model, image_processor)
    except BackboneError:
        raise
    except Exception as error:  # what damaged files raise shares no base: some is bare Exception
        raise BackboneError(
            f"The backbone folder {str(checkpoint.folder)!r} could not be loaded "
            f"({first_line(error)}); it needs {family.needs}."
        ) from error
    model = model.eval().requires_grad_(False)
    backbone = assemble(name, model, image_processor, tokenizer, family)
    place(backbone, target)
    return backbone


def _renew_thread_pool() -> None:
    """Make the pool of threads anew in a process forked from the one that imported this file.

    Torch does so at the first operation of a new thread, and fails ("Invalid thread pool!") where
    several threads are new at once, as those that read the weights are.
    """
    if os.getpid() != _IMPORTED_IN:
        torch.set_num_threads(torch.get_num_threads())


def assemble(
    name: str,
    model: Any,
    image_processor: Any,
    tokenizer: Any,
    family: BackboneFamily | None = None,
) -> Backbone:
    """Build a `Backbone` from transformers' parts (a checkpoint just loaded, or made in a test).

    Args:
        name: of the backbone.
        model: its transformers model.
        image_processor: its preprocessing.
        tokenizer: of its text tower.
        family: it belongs to; None for the one registered under the model's type.

    Raises:
        BackboneError: the text tower is of no supported kind, the tokenizer does not fit it, or the
            image tower gives no feature.
    """
    family = FAMILIES.make(model.config.model_type) if family is None else family
    return Backbone(
        name=name,
        model=model,
        image_processor=image_processor,
        tokenizer=tokenizer,
        text=family.text_tower(name, model, tokenizer),
        fingerprint=fingerprint(model, image_processor, tokenizer),
    )


def _check_sizes(folder: Path, model: Any, image_processor: Any) -> None:
    """Refuse a preprocessing whose images have another size than the tower's patches cover.

    Towers without patches take images of any size.

    Raises:
        BackboneError: the sizes differ.
    """
    tower = getattr(model.config, "vision_config", None)
    size, patch = (getattr(tower, name, None) for name in ("image_size", "patch_size"))
    if size is None or patch is None:
        return
    needed = (size, size) if isinstance(size, int) else tuple(size)
    picture = Image.new("RGB", (400, 300))
    made = tuple(image_processor(images=picture, return_tensors="pt")["pixel_values"].shape[-2:])
    if made != needed:
        raise BackboneError(
            f"The preprocessing of the backbone in {str(folder)!r} makes images of "
            f"{made[0]} x {made[1]} pixels, and its image tower takes {needed[0]} x {needed[1]}; "
            "the files of the two are of different checkpoints."
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence transformers' loading bar and notes; what matters of them is checked by hand."""
    # Imported here since it takes 1.5 s, and a command may be refused before.
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
