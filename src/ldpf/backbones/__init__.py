"""Frozen image-text models: one loader, several families."""

from ldpf.backbones.base import Backbone
from ldpf.backbones.load import assemble, load_backbone
from ldpf.backbones.text_tower import TextTower

__all__ = ["Backbone", "TextTower", "assemble", "load_backbone"]
