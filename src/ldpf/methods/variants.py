"""What else one training of prompts gives: other fusion rules, and visual heads beside them.

`ldpf-gate` stands for the prompts of `ldpf` fused by the rule `gate`, `ldpf+gda` for these prompts
and the head `gda`. Nothing is listed: names come from the registries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ldpf.errors import SettingsError
from ldpf.fusion import FUSION_RULES
from ldpf.heads.base import VISUAL_HEADS
from ldpf.methods.base import METHODS
from ldpf.utils.text import did_you_mean

if TYPE_CHECKING:
    from ldpf.backbones import Backbone
    from ldpf.features.feature_set import FeatureSet
    from ldpf.fusion import FusionRule
    from ldpf.heads.base import VisualHead
    from ldpf.models.base import Classifier


@dataclass(frozen=True)
class Variant:
    """A method, or what else is made of its prompts.

    Attributes:
        method: the one that is trained.
        fusion: the fusion rule in place of its own; None for its own.
        head: the visual head beside the prompts; None for its own.
    """

    method: str
    fusion: str | None = None
    head: str | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the method that give the same when it is trained with them."""
        settings = {"fusion": self.fusion, "head": self.head}
        return {name: value for name, value in settings.items() if value is not None}


def variants_of(method: str) -> dict[str, Variant]:
    """A method and its variants by name; imports no entry of a registry."""
    facts = METHODS.facts(method)
    found = {method: Variant(method)}
    if own := facts.get("fusion"):
        rules = [rule for rule in FUSION_RULES if rule != own]
        found |= {f"{method}-{rule}": Variant(method, rule) for rule in rules}
    if facts.get("heads", False):
        heads = [head for head in VISUAL_HEADS if VISUAL_HEADS.facts(head).get("fits", True)]
        found |= {f"{method}+{head}": Variant(method, head=head) for head in heads}
    return found


def get_variant(name: str) -> Variant:
    """Look a method or variant up by name; raises SettingsError for an unknown one."""
    if name in METHODS:  # a method of this name goes first
        return Variant(name)
    known: dict[str, Variant] = {}
    for method in METHODS:
        known |= variants_of(method)
    if name not in known:
        raise SettingsError(
            f"There is no method {name!r};{did_you_mean(name, list(known))} choose from "
            f"{', '.join(METHODS)}, METHOD-RULE or METHOD+HEAD, such as ldpf-gate or ldpf+gda."
        )
    return known[name]


def derived(
    classifier: Classifier,
    train: FeatureSet,
    validation: FeatureSet,
    backbone: Backbone | None = None,
    *,
    fusion: FusionRule | str | None = None,
    head: VisualHead | str | None = None,
    seed: int = 0,
) -> Classifier:
    """A variant of a trained classifier; the prompts are not trained again.

    Args:
        classifier: prompts, trained on `train`.
        train: images that rule and head are fitted to as well.
        validation: other images of the same sources.
        backbone: that made the features; for rules that ask for zero-shot text features.
        fusion: rule in place of the classifier's; None to keep that.
        head: visual head beside the prompts, in place of the classifier's own; None to keep that.
        seed: of every random draw.
    """
    # Imported here since they load torch, and the command line needs the names alone.
    from ldpf.heads.base import as_head
    from ldpf.methods.with_head import add_head

    if fusion is not None:
        classifier = classifier.fit_fusion(fusion, train, validation, backbone, seed=seed)
    if head is not None:
        classifier = add_head(classifier.prompted, as_head(head), train, validation, seed=seed)
    return classifier
