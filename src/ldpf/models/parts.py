"""What every kind of classifier keeps in a model folder in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


def with_prefix(prefix: str, parts: Mapping[str, Any]) -> dict[str, Any]:
    """The same entries under `prefix.name`."""
    return {f"{prefix}.{name}": value for name, value in parts.items()}


def without_prefix(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The entries called `prefix.name`, under `name`."""
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def shared_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """Method, class names and training report, as a kind's fields."""
    return {
        "method": config["method"],
        "class_names": tuple(config["class_names"]),
        "training": config.get("training", {}),
    }
