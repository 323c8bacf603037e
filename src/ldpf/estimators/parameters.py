"""The parameters of `LDPFClassifier` as a model folder keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ldpf.fusion import FusionRule, rule_config
from ldpf.models.summary import temperature
from ldpf.training.recipe import RECIPES, Recipe

if TYPE_CHECKING:
    from ldpf.estimators.classifier import LDPFClassifier

OF_LDPF = ("agnostic_length", "specific_length", "fusion", "tau", "stages")
"""Parameters that are settings of LDPF and its ablations, under the same names."""

_SAVED_PARAMS = (
    "method",
    "n_domains",
    *OF_LDPF,
    "settings",
    "recipe",
    "preset",
    "train_fraction",
    "expectation",
    "random_state",
)
"""Parameters kept in a model folder; where the backbone lies and the device may be others there."""


def stored_params(estimator: LDPFClassifier) -> dict[str, Any]:
    """The parameters of an estimator that a model folder keeps, as plain values."""
    params = {name: plain(getattr(estimator, name)) for name in _SAVED_PARAMS}
    if estimator.settings is not None:
        params["settings"] = {name: plain(value) for name, value in estimator.settings.items()}
    if isinstance(estimator.fusion, FusionRule):
        rule = rule_config(estimator.fusion)
        own = {f"fusion.{name}": value for name, value in rule["fusion_settings"].items()}
        params |= {"fusion": rule["fusion"], "settings": own | (params["settings"] or {})}
    if isinstance(estimator.recipe, Recipe):
        known = RECIPES.get(estimator.recipe.name) == estimator.recipe
        params["recipe"] = estimator.recipe.name if known else asdict(estimator.recipe)
    return params


def params_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a model that was not trained by this class, as far as they are its own."""
    params = {"n_domains": config["n_domains"]}
    if config["n_domains"] == 1:
        return params
    return {**params, "fusion": config["fusion"], "tau": temperature(config)}


def plain(value: Any) -> Any:
    """A number as Python has it: grids of parameters are often arrays."""
    return value.item() if isinstance(value, np.generic) else value
