"""Cases made of generated features, in which a sign should or should not show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from ldpf.doctor import Case, Finding, examine
from ldpf.features.feature_set import FeatureSet
from ldpf.models.linear_classifier import LinearClassifier
from ldpf.models.prompt_classifier import PromptClassifier


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


@pytest.fixture
def prompts() -> Callable[..., PromptClassifier]:
    """A classifier of several prompts with the latent domains given."""

    def make(latent: object, class_names: tuple[str, ...], dim: int = 16, **training: object):
        n_domains, draws = latent.n_domains, torch.Generator().manual_seed(0)
        text = torch.randn(n_domains, len(class_names), dim, generator=draws)
        return PromptClassifier(
            method="ldpf",
            class_names=class_names,
            text_features=torch.nn.functional.normalize(text, dim=2),
            logit_scale=20.0,
            latent=latent,
            training=training,
        )

    return make


@pytest.fixture
def without_domains() -> Callable[[FeatureSet], FeatureSet]:
    """The same images with domains unknown."""
    return lambda images: replace(images, domains=None, domain_names=())
