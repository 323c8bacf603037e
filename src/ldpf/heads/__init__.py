"""Visual heads: linear classifiers on image features, fitted without any text."""

from ldpf.heads.base import VISUAL_HEADS, LinearHead, VisualHead

__all__ = ["VISUAL_HEADS", "LinearHead", "VisualHead"]
