"""What the tests of the estimators share: features, a short recipe, and a fitted classifier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ldpf.errors import DataError
from ldpf.estimators.classifier import LDPFClassifier
from ldpf.features.feature_set import FeatureSet
from ldpf.training.recipe import RECIPES, STEADY

SHORT = replace(STEADY, max_steps=15, learning_rate=0.03)


@pytest.fixture
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe `steady` takes a few steps only."""
    monkeypatch.setitem(RECIPES, "steady", SHORT)


@pytest.fixture(scope="module")
def data(make_features: Callable[..., FeatureSet]) -> tuple[FeatureSet, FeatureSet]:
    """Features of 6 and 4 images of each class and domain."""
    return make_features(6), make_features(4, seed=1)


@pytest.fixture(scope="session")
def words() -> Callable[[FeatureSet], np.ndarray]:
    """A function from a feature set to its labels as class names."""
    return lambda features: np.array([features.class_names[i] for i in features.labels])


@pytest.fixture
def estimator(tiny_clip: Any) -> LDPFClassifier:
    """An unfitted classifier with short prompts."""
    return LDPFClassifier(tiny_clip, agnostic_length=2, specific_length=2)


@pytest.fixture(scope="module")
def fitted(data: Any, words: Any, tiny_clip: Any) -> LDPFClassifier:
    """The same, fitted to the first set. Read only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "steady", SHORT)
        model = LDPFClassifier(tiny_clip, agnostic_length=2, specific_length=2)
        return model.fit(data[0].features, words(data[0]))


@pytest.fixture(scope="session")
def refusal() -> Callable[..., str]:
    """A function that fits what cannot be fitted, and returns the message of the error."""

    def message(estimator: LDPFClassifier, features: Any, labels: Any, error: Any = DataError):
        with pytest.raises(error) as caught:
            estimator.fit(features, labels)
        return str(caught.value)

    return message
