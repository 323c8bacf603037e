"""Whole configurations under one word: the library's defaults, and the paper's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ldpf.errors import SettingsError


@dataclass(frozen=True)
class Preset:
    """Settings that go together.

    Attributes:
        name: on the command line.
        recipe: name of how prompts are trained, unless a recipe is asked for.
        settings: by dotted name, for LDPF and those of its controls that share its defaults.
    """

    name: str
    recipe: str
    settings: Mapping[str, Any] = field(default_factory=dict)


PAPER_SETTINGS: Mapping[str, Any] = {
    "discovery.disentangle": "adversarial",
    "discovery.clusterer": "kmeans",
    "agnostic_length": 4,
    "specific_length": 8,
    "fusion": "similarity",
    "fusion.tau": 0.1,
    "sample_weights": "none",
}
"""LDPF as arXiv 2511.00067 describes it; what the paper leaves open is listed in docs/method.md."""

DEFAULT = Preset("default", "steady")
PRESETS: dict[str, Preset] = {
    preset.name: preset for preset in (DEFAULT, Preset("paper", "paper", PAPER_SETTINGS))
}
"""Presets by name."""


def get_preset(name: str) -> Preset:
    """Look a preset up by name; raises SettingsError for an unknown one."""
    if name not in PRESETS:
        raise SettingsError(f"There is no preset {name!r}; choose from {', '.join(PRESETS)}.")
    return PRESETS[name]
