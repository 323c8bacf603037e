"""Methods: everything that turns labelled features into a classifier.

A method is a frozen dataclass of its settings with
`fit(train, validation, backbone, *, seed, record) -> Classifier`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, Protocol

from ldpf.backbones import Backbone
from ldpf.errors import SettingsError
from ldpf.features.feature_set import FeatureSet
from ldpf.methods.ablations import CONTROLS
from ldpf.methods.cocoop import CoCoOp
from ldpf.methods.coop import CoOp
from ldpf.methods.dpl import DPL
from ldpf.methods.gda import GDA
from ldpf.methods.kgcoop import KgCoOp
from ldpf.methods.ldpf import LDPF
from ldpf.methods.linear_probe import LinearProbe
from ldpf.methods.overrides import with_settings
from ldpf.methods.templates import ENSEMBLE_TEMPLATES, SINGLE_TEMPLATE
from ldpf.methods.zero_shot import ZeroShot, zero_shot_features
from ldpf.models.base import Classifier
from ldpf.training.loop import RunRecord
from ldpf.training.recipe import FAST, Recipe


class Method(Protocol):
    """The one verb every method has.

    `learns` says whether it learns from images and chooses on validation, `n_prompts` how many
    prompts it trains at once, with which the time of a step grows. Those that learn prompts have a
    setting `recipe`.
    """

    name: str
    learns: bool
    n_prompts: int

    def fit(
        self,
        train: FeatureSet,
        validation: FeatureSet,
        backbone: Backbone,
        *,
        seed: int = 0,
        record: RunRecord | None = None,
    ) -> Classifier:
        """Learn from labelled features."""


METHODS: dict[str, Callable[[], Method]] = {
    "zero-shot": ZeroShot,
    "zero-shot-ensemble": lambda: ZeroShot("zero-shot-ensemble", ENSEMBLE_TEMPLATES),
    "linear-probe": LinearProbe,
    "gda": GDA,
    "coop": CoOp,
    "kgcoop": KgCoOp,
    "cocoop": CoCoOp,
    "dpl": DPL,
    "dpl-batch": lambda: DPL("dpl-batch", batch=True),
    "ldpf": LDPF,
    **CONTROLS,
}
"""Methods by the name they have on the command line."""


def make_method(
    name: str,
    recipe: Recipe = FAST,
    n_domains: int | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Method:
    """A method with its default settings, the given recipe and number of latent domains.

    True domains (`ldpf-manual`) are as many as the data has, whatever `n_domains` says.

    Args:
        settings: other values by dotted name, as in `{"tau": 0.05, "discovery.n_domains": 2}`; see
            `with_settings`.

    Raises:
        SettingsError: there is no such method, or a setting that it does not have.
    """
    if name not in METHODS:
        raise SettingsError(f"There is no method {name!r}; choose from {', '.join(METHODS)}.")
    method = METHODS[name]()
    if "recipe" in {field.name for field in fields(method)}:
        method = replace(method, recipe=recipe)
    if isinstance(method, LDPF) and method.discovery.source != "manual" and n_domains is not None:
        method = replace(method, discovery=replace(method.discovery, n_domains=n_domains))
    return with_settings(method, settings or {})


__all__ = [
    "DPL",
    "ENSEMBLE_TEMPLATES",
    "GDA",
    "LDPF",
    "METHODS",
    "SINGLE_TEMPLATE",
    "CoCoOp",
    "CoOp",
    "KgCoOp",
    "LinearProbe",
    "Method",
    "ZeroShot",
    "make_method",
    "zero_shot_features",
]
