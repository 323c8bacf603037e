"""Latent Domain Prompt Fusion: domain generalization without domain labels."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ldpf.backbones import Backbone, load_backbone
    from ldpf.data import ImageDataset, load_dataset
    from ldpf.estimators.classifier import LDPFClassifier
    from ldpf.estimators.latent_domains import LatentDomains
    from ldpf.features.extract import extract_features
    from ldpf.features.feature_set import FeatureSet
    from ldpf.models.prompt_classifier import PromptClassifier
    from ldpf.models.saving import load_model, save_model

# torch and transformers take seconds to import; `ldpf --help` must not wait for them.
_HOMES = {
    "Backbone": "ldpf.backbones",
    "FeatureSet": "ldpf.features.extract",
    "ImageDataset": "ldpf.data",
    "LDPFClassifier": "ldpf.estimators.classifier",
    "LatentDomains": "ldpf.estimators.latent_domains",
    "PromptClassifier": "ldpf.models.prompt_classifier",
    "extract_features": "ldpf.features.extract",
    "load_backbone": "ldpf.backbones",
    "load_dataset": "ldpf.data",
    "load_model": "ldpf.models.saving",
    "save_model": "ldpf.models.saving",
}

__all__ = [
    "Backbone",
    "FeatureSet",
    "ImageDataset",
    "LDPFClassifier",
    "LatentDomains",
    "PromptClassifier",
    "extract_features",
    "load_backbone",
    "load_dataset",
    "load_model",
    "save_model",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'ldpf' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
