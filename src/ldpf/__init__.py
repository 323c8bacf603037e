"""Latent Domain Prompt Fusion: domain generalization without domain labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ldpf.utils.lazy import lazy_names
from ldpf.version import __version__

if TYPE_CHECKING:
    from ldpf.backbones import Backbone, load_backbone
    from ldpf.data import ImageDataset, load_dataset
    from ldpf.estimators.classifier import LDPFClassifier
    from ldpf.estimators.latent_domains import LatentDomains
    from ldpf.features.extract import extract_features
    from ldpf.features.feature_set import FeatureSet
    from ldpf.methods.base import METHODS, Method, make_method
    from ldpf.models.base import Classifier
    from ldpf.models.prompt_classifier import PromptClassifier
    from ldpf.models.saving import load_model, save_model
    from ldpf.workflows import DataSource, benchmark, discover, evaluate, expect, predict, train

_HOMES = {
    # data, backbones, features
    "Backbone": "ldpf.backbones",
    "FeatureSet": "ldpf.features.feature_set",
    "ImageDataset": "ldpf.data",
    "extract_features": "ldpf.features.extract",
    "load_backbone": "ldpf.backbones",
    "load_dataset": "ldpf.data",
    # methods and models
    "Classifier": "ldpf.models.base",
    "METHODS": "ldpf.methods.base",
    "Method": "ldpf.methods.base",
    "PromptClassifier": "ldpf.models.prompt_classifier",
    "load_model": "ldpf.models.saving",
    "make_method": "ldpf.methods.base",
    "save_model": "ldpf.models.saving",
    # what the commands do
    "DataSource": "ldpf.workflows.source",
    "benchmark": "ldpf.workflows.benchmarking",
    "discover": "ldpf.workflows.discovery",
    "evaluate": "ldpf.workflows.evaluation",
    "expect": "ldpf.workflows.expecting",
    "predict": "ldpf.workflows.prediction",
    "train": "ldpf.workflows.training",
    # estimators
    "LDPFClassifier": "ldpf.estimators.classifier",
    "LatentDomains": "ldpf.estimators.latent_domains",
}
"""Public names and where they are defined; imported when asked for, since torch and transformers
take seconds and `ldpf --help` must not wait for them. No sub-package has the name of a function.
"""

__all__ = [
    "METHODS",
    "Backbone",
    "Classifier",
    "DataSource",
    "FeatureSet",
    "ImageDataset",
    "LDPFClassifier",
    "LatentDomains",
    "Method",
    "PromptClassifier",
    "__version__",
    "benchmark",
    "discover",
    "evaluate",
    "expect",
    "extract_features",
    "load_backbone",
    "load_dataset",
    "load_model",
    "make_method",
    "predict",
    "save_model",
    "train",
]

__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
