"""Image features: every image is encoded once; from here on no image is touched."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ldpf.features.encode import stream_features
    from ldpf.features.extract import Extraction, encode_dataset, extract_features
    from ldpf.features.feature_set import FeatureSet

_HOMES = {
    "Extraction": "extract",
    "FeatureSet": "feature_set",
    "encode_dataset": "extract",
    "extract_features": "extract",
    "stream_features": "encode",
}

__all__ = ["Extraction", "FeatureSet", "encode_dataset", "extract_features", "stream_features"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
