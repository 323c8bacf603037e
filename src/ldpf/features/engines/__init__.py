"""Image engines: what computes the image tower on a CPU."""

from ldpf.features.engines.base import ENGINES, ImageEngine

__all__ = ["ENGINES", "ImageEngine"]
