"""Frozen image-text models: one loader, several families, each a file in `families`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ldpf.backbones.base import Backbone
    from ldpf.backbones.load import assemble, load_backbone
    from ldpf.backbones.text_tower import TextTower

_HOMES = {
    "Backbone": "base",
    "TextTower": "text_tower",
    "assemble": "load",
    "load_backbone": "load",
}

__all__ = ["Backbone", "TextTower", "assemble", "load_backbone"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
