"""Image features: every image is encoded once; from here on no image is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ldpf.utils.lazy import lazy_names

if TYPE_CHECKING:
    from ldpf.features.encode import stream_features
    from ldpf.features.extract import Extraction, encode_dataset, extract_features
    from ldpf.features.feature_set import FeatureSet

_HOMES = {
    "Extraction": ".extract",
    "FeatureSet": ".feature_set",
    "encode_dataset": ".extract",
    "extract_features": ".extract",
    "stream_features": ".encode",
}

__all__ = ["Extraction", "FeatureSet", "encode_dataset", "extract_features", "stream_features"]

__getattr__ = lazy_names(__name__, _HOMES)
