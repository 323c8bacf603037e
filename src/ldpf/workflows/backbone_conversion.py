"""A backbone's weights as safetensors: the work of `ldpf backbone convert`."""

from __future__ import annotations

from pathlib import Path

from ldpf.backbones.convert import Conversion, convert

__all__ = ["Conversion", "convert_backbone"]


def convert_backbone(
    file: str | Path, out: str | Path, *, tokenizer: str | None = None, overwrite: bool = False
) -> Conversion:
    """Make a folder that can be a backbone of a checkpoint that exists as `.bin` or `.pt` only.

    The file is read as data: weights that `torch.save` wrote by `torch.load(weights_only=True)`,
    OpenAI's TorchScript archives by an unpickler that rebuilds tensors and refuses everything else.

    Args:
        file: the checkpoint.
        out: a folder, into which configuration and tokenizer files next to `file` are copied, too;
            or a file ending in `.safetensors`, for the weights only.
        tokenizer: folder or hub id to copy the tokenizer from.
        overwrite: replace weights that are there already.

    Returns:
        What was written, and what the folder still lacks.

    Raises:
        BackboneError: `file` asks for anything but tensors, is damaged, or is of no known model;
            `out` exists; the tokenizer cannot be found.
    """
    return convert(file, out, tokenizer=tokenizer, overwrite=overwrite)
