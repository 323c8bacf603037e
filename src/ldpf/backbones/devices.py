"""Where a backbone computes: the device asked for, if it can be used and can be trusted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import torch

from ldpf.errors import BackboneError
from ldpf.utils.text import first_line

if TYPE_CHECKING:
    from PIL import Image

    from ldpf.backbones.base import Backbone

log = logging.getLogger("ldpf")

TRUSTED = ("cpu", "cuda")
"""Kinds of devices whose results are not compared with the CPU's first. Some releases of macOS and
PyTorch give wrong CLIP embeddings on Apple's GPUs (`mps`), without any error."""

TOLERANCE = 1e-3
"""Largest difference to the CPU that any number of a feature of length one may have."""

PROBE_TEXTS = (
    "a photo of a dog.",
    "a photo of the large cat on a red chair.",
    "a black and white drawing of a house.",
    "an airplane",
    "the roof of a temple under a blue sky.",
    "a flower with yellow petals, seen from near by.",
    "x-ray of a hand",
    "a satellite picture of fields, rivers and two towns, taken in the summer.",
)
"""Texts of different lengths."""


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
            f"The device {device!r} cannot be used here ({first_line(error)}); use 'cpu' or 'auto'."
        ) from error
    return target


def place(backbone: Backbone, target: torch.device) -> None:
    """Move a backbone from the CPU to a device, or leave it there where the device is wrong.

    A device that is not in `TRUSTED` must first encode eight photos and eight texts as the CPU
    does, within `TOLERANCE`. Where it does not, a warning says so and the CPU is used.
    """
    # Convolutional towers run up to twice as fast on a CPU with the channels last.
    layout = torch.channels_last
    if target.type in TRUSTED:
        backbone.model.to(target, memory_format=layout)
        return
    backbone.model.to("cpu", memory_format=layout)
    expected = probe(backbone)
    try:
        backbone.model.to(target, memory_format=layout)
        difference = largest_difference(probe(backbone), expected)
        wrong = None
        if not difference <= TOLERANCE:
            wrong = (
                f"features of eight images and eight texts differ by {difference:.2g}, more than "
                f"{TOLERANCE:g}"
            )
    except (RuntimeError, TypeError, NotImplementedError) as error:
        wrong = first_line(error)
    if wrong is None:
        log.info("device: %s (eight images and eight texts agree with the CPU)", target)
        return
    backbone.model.to("cpu", memory_format=layout)
    log.warning(
        "device: cpu instead of %s, which does not compute this backbone as the CPU does (%s); "
        "another release of PyTorch or of the system may",
        target,
        wrong,
    )


def probe(backbone: Backbone) -> tuple[torch.Tensor, torch.Tensor]:
    """Features [8, D] of `probe_images` and of `PROBE_TEXTS`, as the backbone computes them now."""
    pixels = backbone.preprocess(probe_images())
    return backbone.encode_images(pixels), backbone.encode_texts(PROBE_TEXTS)


def probe_images() -> list[Image.Image]:
    """Eight parts of the two photos that scikit-learn brings along."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    images = []
    for photo in load_sample_images().images:  # [427, 640, 3] uint8
        height, width = photo.shape[0] // 2, photo.shape[1] // 2
        for top in (0, height):
            for left in (0, width):
                part = photo[top : top + height, left : left + width]
                images.append(Image.fromarray(part))
    return images


def largest_difference(first: tuple[torch.Tensor, ...], second: tuple[torch.Tensor, ...]) -> float:
    """The largest difference of any two numbers; infinity where one is not finite."""
    differences = [float((a - b).abs().max()) for a, b in zip(first, second, strict=True)]
    return max(d if d == d else float("inf") for d in differences)
