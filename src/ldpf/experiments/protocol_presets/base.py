"""What a protocol preset is, and the registry of presets.

A number can stand beside a published one only if it was measured as that was: the same images
learned from and measured, chosen by the same rule, trained as long. A preset is all of these.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ldpf.errors import SettingsError
from ldpf.utils.constraints import Text, check_fields, constraint
from ldpf.utils.registry import Registry
from ldpf.utils.ways import setting

if TYPE_CHECKING:
    from ldpf.training.recipe import Recipe


@dataclass(frozen=True)
class ProtocolPreset:
    """How a paper measured.

    Attributes:
        protocol: name from `PROTOCOLS`: the split, and which share of the target is measured.
        selection: name from `SELECTION_RULES`.
        recipe: how long prompts are trained and on which batches; what the paper does not say of
            prompts is as in the recipe `paper`.
        source: the paper and code that it is read from.
    """

    protocol: str = field(metadata=constraint(Text()))
    selection: str = field(metadata=constraint(Text()))
    recipe: Recipe
    source: str = field(metadata=constraint(Text()))

    def __post_init__(self) -> None:
        check_fields(self)

    def require(self, name: str, *, protocol: str | None, selection: str | None) -> None:
        """Refuse options that say otherwise than the preset.

        Args:
            name: of the preset.
            protocol, selection: what was asked for beside it; None for nothing.

        Raises:
            SettingsError: one of them is another than the preset's.
        """
        pairs = {"protocol": (protocol, self.protocol), "selection": (selection, self.selection)}
        for option, (asked, own) in pairs.items():
            if asked is not None and asked != own:
                raise SettingsError(
                    f"{setting(option, asked)} and {setting('protocol_preset', name)} contradict "
                    f"each other: the preset has {option} {own}. Leave one of them out."
                )


def by_steps(name: str, *, batch: int, steps: int, look_every: int) -> Recipe:
    """The recipe of a paper that trained whole networks, for prompts: its own batches and steps.

    Args:
        name: of the recipe.
        batch: images in a step.
        steps: of the training.
        look_every: steps after which validation is looked at.
    """
    from ldpf.training.recipe import PAPER

    return replace(
        PAPER,
        name=name,
        image_batch=batch,
        max_epochs=None,
        max_steps=steps,
        warmup_epochs=0,
        evaluate_every=look_every,
    )


PROTOCOL_PRESETS: Registry[ProtocolPreset] = Registry(
    "protocol preset", "ldpf.experiments.protocol_presets", variable="PROTOCOL_PRESETS"
)
"""Functions without arguments that make a preset, by the name that `--protocol-preset` takes."""


def get_protocol_preset(name: str) -> ProtocolPreset:
    """The preset called `name`; raises SettingsError for an unknown one."""
    return PROTOCOL_PRESETS.make(name)
