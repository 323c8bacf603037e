"""Image features: every image is encoded once; from here on no image is touched."""

from ldpf.features.encode import stream_features
from ldpf.features.extract import Extraction, encode_dataset, extract_features
from ldpf.features.feature_set import FeatureSet, feature_set

__all__ = [
    "Extraction",
    "FeatureSet",
    "encode_dataset",
    "extract_features",
    "feature_set",
    "stream_features",
]
