"""What every kind of classifier keeps in a model folder in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from ldpf.domains.ood import OutsideCheck
from ldpf.models.tensor_checks import Shape

if TYPE_CHECKING:
    from ldpf.models.base import Classifier


def with_prefix(prefix: str, parts: Mapping[str, Any]) -> dict[str, Any]:
    """The same entries under `prefix.name`."""
    return {f"{prefix}.{name}": value for name, value in parts.items()}


def without_prefix(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The entries called `prefix.name`, under `name`."""
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def outside_tensors(classifier: Classifier) -> dict[str, torch.Tensor]:
    """Tensors of the check for images outside; none where it was not measured."""
    return with_prefix("outside", classifier.outside.tensors()) if classifier.outside else {}


def outside_shapes(tensors: Mapping[str, torch.Tensor], embed_dim: int) -> dict[str, Shape]:
    """Shapes of the same, where the folder has any of them."""
    there = any(name.startswith("outside.") for name in tensors)
    return with_prefix("outside", OutsideCheck.shapes(embed_dim)) if there else {}


def shared_fields(config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Method, class names, training report and check for images outside, as a kind's fields."""
    outside = without_prefix("outside", tensors)
    return {
        "method": config["method"],
        "class_names": tuple(config["class_names"]),
        "training": config.get("training", {}),
        "outside": OutsideCheck.from_tensors(outside) if outside else None,
    }
