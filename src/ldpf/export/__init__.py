"""Trained models as ONNX graphs, for programs without PyTorch and without this package."""

from ldpf.export.graph import FeatureHead, PixelGraph
from ldpf.export.onnx_file import Exported, export_onnx

__all__ = ["Exported", "FeatureHead", "PixelGraph", "export_onnx"]
