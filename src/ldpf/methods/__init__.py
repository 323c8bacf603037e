"""Methods: everything that turns labelled features into a classifier.

A method is a frozen dataclass of its settings with
`fit(train, validation, backbone, *, seed, record) -> PromptClassifier`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from ldpf.backbones import Backbone
from ldpf.classifier import PromptClassifier
from ldpf.errors import SettingsError
from ldpf.features import FeatureSet
from ldpf.methods.coop import CoOp
from ldpf.methods.ldpf import LDPF
from ldpf.methods.templates import ENSEMBLE_TEMPLATES, SINGLE_TEMPLATE
from ldpf.methods.zero_shot import ZeroShot, zero_shot_features
from ldpf.recipes import FAST, Recipe
from ldpf.training import RunRecord


class Method(Protocol):
    """The one verb every method has; `learns` says whether a recipe and a seed matter to it."""

    name: str
    learns: bool

    def fit(
        self,
        train: FeatureSet,
        validation: FeatureSet,
        backbone: Backbone,
        *,
        seed: int = 0,
        record: RunRecord | None = None,
    ) -> PromptClassifier:
        """Learn from labelled features."""


METHODS: dict[str, Callable[[], Method]] = {
    "zero-shot": ZeroShot,
    "zero-shot-ensemble": lambda: ZeroShot("zero-shot-ensemble", ENSEMBLE_TEMPLATES),
    "coop": CoOp,
    "ldpf": LDPF,
}
"""Methods by the name they have on the command line."""


def make_method(name: str, recipe: Recipe = FAST, n_domains: int | None = None) -> Method:
    """A method with its default settings, the given recipe and number of latent domains.

    Raises:
        SettingsError: there is no such method.
    """
    if name not in METHODS:
        raise SettingsError(f"There is no method {name!r}; choose from {', '.join(METHODS)}.")
    method = METHODS[name]()
    if method.learns:
        method = replace(method, recipe=recipe)
    if isinstance(method, LDPF) and n_domains is not None:
        method = replace(method, discovery=replace(method.discovery, n_domains=n_domains))
    return method


__all__ = [
    "ENSEMBLE_TEMPLATES",
    "LDPF",
    "METHODS",
    "SINGLE_TEMPLATE",
    "CoOp",
    "Method",
    "ZeroShot",
    "make_method",
    "zero_shot_features",
]
