"""Families of image-text models: each is a file that registers itself in `FAMILIES`."""

from ldpf.backbones.families.base import FAMILIES, BackboneFamily, Checkpoint, find_family

__all__ = ["FAMILIES", "BackboneFamily", "Checkpoint", "find_family"]
