"""Weights in PyTorch's own format (`.bin`, `.pt`), read so that nothing in them is executed."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ldpf.errors import BackboneError

_SAFE_SINCE = (2, 6)
"""Older releases could be made to run code with weights_only=True, too (CVE-2025-32434)."""

_UNSUPPORTED = re.compile(r"(?:GLOBAL|class|Type) ([\w.]*\w\.\w+)")
_INSIDE = ("state_dict", "model_state_dict", "model")
"""Where checkpoints of training programs keep the weights."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """The weights in a file that `torch.save` wrote, on the CPU.

    Read by `torch.load(weights_only=True)`, which rebuilds tensors and plain containers and refuses
    everything else. Of a training checkpoint the model's weights are taken, and the prefix
    `module.` of a model trained in parallel is removed.

    Raises:
        BackboneError: the file asks for anything but tensors, is damaged, or holds no weights.
    """
    release = tuple(int(part) for part in torch.__version__.split(".")[:2])
    if release < _SAFE_SINCE:
        raise BackboneError(
            f"A pickle such as {str(path)!r} can be read safely with PyTorch 2.6 or newer only "
            f"(this is {torch.__version__}; CVE-2025-32434); run pip install -U torch."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd files, which are refused in a sentence
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # what damaged files raise shares no base
        named = _UNSUPPORTED.search(str(error))
        sentence = runs_code(path, named[1]) if named else unreadable(path, error)
        raise BackboneError(sentence) from error
    content = _inner(content)
    weights = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not weights:
        raise BackboneError(
            f"{str(path)!r} holds no weights by name (a {type(content).__name__} with "
            f"{len(content)} entries, none of them a tensor); give the file of a state_dict."
        )
    if all(name.startswith("module.") for name in weights):
        weights = {name.removeprefix("module."): tensor for name, tensor in weights.items()}
    return weights


def _inner(content: Any) -> dict[Any, Any]:
    """The weights of a checkpoint that holds more than them."""
    if not isinstance(content, dict):
        return {}
    for name in _INSIDE:
        inner = content.get(name)
        if isinstance(inner, dict) and any(isinstance(value, Tensor) for value in inner.values()):
            return inner
    return content


def runs_code(path: Path, name: str) -> str:
    """The refusal of a file that names what is neither a tensor nor a plain container."""
    return (
        f"{str(path)!r} is not opened: it asks for {name!r}, which is no tensor, and could so run "
        "code on this machine; use a copy of the model as safetensors, or a file that holds "
        "nothing but its state_dict."
    )


def unreadable(path: Path, error: Exception) -> str:
    """The refusal of a file that cannot be read."""
    lines = str(error).strip().splitlines()
    reason = lines[0][:200].rstrip(".") if lines else type(error).__name__
    if reason.startswith("Weights only load failed"):  # and continues with how to run its code
        reason = "it is damaged, or holds more than tensors in plain containers"
    return (
        f"{str(path)!r} cannot be read as weights of PyTorch ({reason}); download it again, or "
        "take another file of the model."
    )
