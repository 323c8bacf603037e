"""Cases made of generated features, in which a sign should or should not show."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

from ldpf.doctor import Case, Finding, examine
from ldpf.features.feature_set import FeatureSet
from ldpf.models.linear_classifier import LinearClassifier


@pytest.fixture
def linear() -> Callable[..., LinearClassifier]:
    """A classifier whose logits are `scale` times the features' first K numbers."""

    def make(n_classes: int, dim: int, scale: float = 10.0, **settings: object) -> LinearClassifier:
        names = ("cat", "dog", "horse", "house", "guitar")[:n_classes]
        weight = scale * torch.eye(n_classes, dim)
        return LinearClassifier("linear", names, weight, torch.zeros(n_classes), **settings)

    return make


@pytest.fixture
def say() -> Callable[..., Finding]:
    """What one sign says of a case."""

    def ask(sign: str, case: Case) -> Finding:
        [finding] = examine(case, [sign])
        return finding

    return ask


@pytest.fixture
def one_hot() -> Callable[..., FeatureSet]:
    """Images whose feature is the one-hot vector of what they show; labels as given."""

    def make(shown: list[int], labels: list[int] | None = None, dim: int = 3) -> FeatureSet:
        labels = shown if labels is None else labels
        return FeatureSet(
            features=torch.eye(dim)[shown],
            labels=torch.tensor(labels),
            domains=None,
            class_names=("cat", "dog", "horse", "house", "guitar")[:dim],
            domain_names=(),
            paths=tuple(f"{i}.png" for i in range(len(shown))),
        )

    return make


@pytest.fixture(scope="session")
def made_cases() -> ModuleType:
    """`benchmarks/doctor_cases.py`."""
    file = Path(__file__).parents[2] / "benchmarks" / "doctor_cases.py"
    spec = importlib.util.spec_from_file_location("doctor_cases", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def without_domains() -> Callable[[FeatureSet], FeatureSet]:
    """The same images with domains unknown."""
    return lambda images: replace(images, domains=None, domain_names=())
