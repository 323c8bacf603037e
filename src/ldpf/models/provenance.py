"""What a model folder keeps of how its model was trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from ldpf.utils.registry import part_settings

if TYPE_CHECKING:
    from ldpf.features.feature_set import FeatureSet
    from ldpf.methods import Method


def training_provenance(
    dataset: str | None,
    method: Method,
    train: FeatureSet,
    validation: FeatureSet,
    *,
    seed: int,
    train_fraction: float,
    test: FeatureSet | None = None,
    domain_names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The part of a model's `provenance` that says what learned from what.

    Args:
        dataset: name of the data; None where images without a name were given.
        method: with its settings.
        train, validation: images learned from, and held out to choose by.
        seed: of the split and the training.
        train_fraction: of the split.
        test: images of the same data that were left aside.
        domain_names: of the known domains among them all; None where domains are unknown.
    """
    parts = [part for part in (train, validation, test) if part is not None]
    labels = torch.cat([part.labels for part in parts])
    counts = torch.bincount(labels, minlength=len(train.class_names))
    recipe = getattr(method, "recipe", None)  # not everything that learns learns prompts
    return {
        "dataset": dataset or "images given in Python",
        "n_images": sum(len(part) for part in parts),
        "n_train": len(train),
        "n_validation": len(validation),
        "class_counts": dict(zip(train.class_names, counts.tolist(), strict=True)),
        "domain_names": None if domain_names is None else list(domain_names),
        "needs_domains": method.needs_domains,
        "seed": seed,
        "recipe": recipe.name if recipe else "none",
        "train_fraction": train_fraction,
        "method_settings": part_settings(method),
    }
