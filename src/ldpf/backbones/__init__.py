"""Frozen image-text models: one loader, several families, each a file in `families`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ldpf.utils.lazy import lazy_names

if TYPE_CHECKING:
    from ldpf.backbones.base import Backbone
    from ldpf.backbones.load import assemble, load_backbone
    from ldpf.backbones.text_tower import TextTower

_HOMES = {
    "Backbone": ".base",
    "TextTower": ".text_tower",
    "assemble": ".load",
    "load_backbone": ".load",
}

__all__ = ["Backbone", "TextTower", "assemble", "load_backbone"]

__getattr__ = lazy_names(__name__, _HOMES)
